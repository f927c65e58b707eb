//! Plays scenarios: the real code between the sandbox's two stand-ins, under a simulated clock (scenarios.md).

mod document;
pub mod parse;
pub mod scenario;
