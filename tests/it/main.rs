//! Tests that look at the program from outside, in one binary.
// Clippy knows `#[test]` functions as tests, and not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod architecture;
mod busy;
mod calendar;
#[cfg(feature = "outside")]
mod chromium;
mod cli;
mod config;
mod crash;
mod daemon;
mod faults;
mod fifty;
mod guide;
#[cfg(feature = "outside")]
mod hosts;
mod http;
mod model;
mod night;
mod pages;
mod privacy;
mod random;
mod rehearsal;
mod replay;
mod report;
mod resync;
mod roster;
mod scenarios;
mod schemas;
#[cfg(feature = "outside")]
mod screens;
mod shown;
mod smtp;
mod stand;
#[cfg(feature = "outside")]
mod status;
mod twice;
mod upkeep;
mod window;
mod written;
