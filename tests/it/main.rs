//! Tests that look at the program from outside, in one binary.

mod architecture;
mod schemas;
