//! The two CSV documents of the exchange.

pub mod demands;
pub mod responses;
