//! Defects, round trips, truncations and mutations of the XML documents, and of SIECLE's own exports.

mod defects;
mod roster;
mod round_trips;
mod support;
