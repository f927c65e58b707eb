//! The three XML documents of the exchange: their readers and writers stream, and share what is in this file.

pub mod demands;
pub mod receipts;
pub mod responses;
