//! navette: the nightly shuttle between the téléservice Orientation and Siècle Orientation.

pub mod cli;
pub mod clock;
pub mod config;
pub mod crash;
pub mod domain;
