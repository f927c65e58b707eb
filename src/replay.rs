//! Plays scenarios: the real code between the sandbox's two stand-ins, under a simulated clock (scenarios.md).

pub mod abreast;
pub mod audit;
pub mod demo;
pub mod document;
pub mod expect;
pub mod golden;
pub mod names;
pub mod parse;
pub mod player;
pub mod random;
pub mod report;
pub mod rest;
pub mod scenario;
pub mod stage;
pub mod steps;
pub mod suite;
pub mod summary;
pub mod tour;
pub mod write;
