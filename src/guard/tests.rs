//! Tables and properties of the guard.
