//! The guard: whether a campaign may open, close, import, reopen or change its calendar, and what it must order itself.
//!
//! A pure function of facts and time (guard.md): facts are a fold of calendar and journal, `decide` answers with a permit
//! or a refusal, `enforce` says what must be ordered at an instant. Nothing here reads a clock or touches the outside;
//! who reads the facts and writes the change does both in one write transaction.

pub mod action;
pub mod alerts;
pub mod calendar;
pub mod enforce;
pub mod facts;
pub mod sentences;
pub mod state;
pub mod verdict;
pub mod window;

pub use crate::guard::{
    action::{Action, Close, End, Import, LoadCalendar, Open, Reopen, WindowAction},
    alerts::{Alert, AlertCode, Watch},
    calendar::CalendarChange,
    enforce::{Cause, Duty, enforce, judge, judgements, next},
    facts::{By, Facts, FarSide, Journal, Judgement, LotFact, OrderAction, PendingOrder, ResponseFacts, WindowEvent},
    state::{State, What},
    verdict::{Derogation, Permit, Policy, Refusal, RefusalCode, Verdict, decide},
};

#[cfg(test)]
mod tests;
