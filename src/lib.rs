//! navette: the nightly shuttle between the téléservice Orientation and Siècle Orientation.

pub mod domain;

pub mod check;
pub mod clock;
pub mod crash;
pub mod guard;
pub mod nights;

pub mod codec;
pub mod files;
pub mod plan;

pub mod sandbox;
pub mod store;
pub mod transport;

pub mod run;

pub mod window;

pub mod config;
pub mod replay;

pub mod cli;
