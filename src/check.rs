//! Checks on arrival: what the feed and the response files say is judged here, row by row, against the rules of
//! domain.md. A bad row becomes an anomaly, and the next row goes on. Nothing is read or written here.

pub mod demands;
pub mod events;
pub mod nomenclature;
pub mod responses;
pub mod roster;
pub mod sentences;
pub mod text;
