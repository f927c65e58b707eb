//! navette: the nightly shuttle between the téléservice Orientation and Siècle Orientation.

pub mod domain;

pub mod guard;
pub mod nights;

pub mod check;
pub mod clock;
pub mod crash;

pub mod codec;
pub mod files;
pub mod plan;

pub mod store;
