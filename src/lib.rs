//! navette: the nightly shuttle between the téléservice Orientation and Siècle Orientation.

pub mod clock;
pub mod codec;
pub mod crash;
pub mod domain;
pub mod files;
