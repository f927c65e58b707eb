//! Tests that look at the program from outside, in one binary.
// Clippy knows `#[test]` functions as tests, and not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod architecture;
mod calendar;
mod cli;
mod config;
mod crash;
#[cfg(feature = "outside")]
mod hosts;
mod http;
mod model;
mod night;
mod random;
mod resync;
mod scenarios;
mod schemas;
mod stand;
mod twice;
mod window;
mod written;
