//! Tests that look at the program from outside, in one binary.
// Clippy knows `#[test]` functions as tests, and not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod architecture;
mod calendar;
mod cli;
mod config;
mod crash;
mod daemon;
mod guide;
mod http;
mod model;
mod night;
mod privacy;
mod random;
mod replay;
mod resync;
mod scenarios;
mod schemas;
mod stand;
mod twice;
mod upkeep;
mod window;
mod written;
