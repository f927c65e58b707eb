//! The two far sides, each over HTTP or over folders: asks, gives, and says what came back in the words of
//! `plan::delivery`. What an answer means is the plan's to say, what bytes mean the codec's.

mod body;
pub mod certificate;
pub mod directory;
mod feed;
pub mod http;
pub mod ping;
pub mod rehearsal;
pub mod siecle;
pub mod teleservice;

#[cfg(test)]
mod fixture;
