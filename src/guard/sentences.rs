//! What staff read when the guard says no: one French sentence with the rule, the instant and what to do.
