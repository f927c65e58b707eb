//! Plans: what is to be sent, held or recorded, decided from values before anything moves. A plan leaves no choice to
//! its execution. No database, network or bytes here.

mod content;
pub mod delivery;
pub mod demands;
pub mod receipts;
pub mod responses;
pub mod thresholds;
