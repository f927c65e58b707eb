//! Tests that look at the program from outside, in one binary.
// Clippy knows `#[test]` functions as tests, and not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod architecture;
mod calendar;
#[cfg(feature = "outside")]
mod chromium;
mod cli;
mod config;
mod crash;
mod http;
mod model;
mod night;
mod pages;
mod random;
mod resync;
mod scenarios;
mod schemas;
#[cfg(feature = "outside")]
mod screens;
mod stand;
mod twice;
mod window;
mod written;
