//! navette
fn main() {}
