//! Defects, round trips, truncations and mutations of the XML documents.

mod defects;
mod round_trips;
mod support;
