//! The words of the field: schools, pupils, demands, councils, responses, lots. Values only: no I/O, clock, log or serde lives here.

pub mod anomaly;
pub mod campaign;
pub mod demand;
pub mod event;
pub mod lot;
pub mod order;
pub mod pupil;
pub mod response;
pub mod roster;
pub mod school;
pub mod time;
pub mod track;
pub mod typography;

#[cfg(test)]
mod tests;
