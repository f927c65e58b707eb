//! The stand-ins behind folders: they act on what lies there when they are given a turn. A turn taken twice changes
//! nothing the second time.

mod desk;
mod gate;
mod office;

pub use crate::sandbox::folders::{desk::TeleserviceFolder, office::SiecleFolder};

/// Largest file read (siecle.md, reading limits).
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[cfg(test)]
mod tests;
