//! navette: the nightly shuttle between the téléservice Orientation and Siècle Orientation.
//!
//! # From above
//! Families enter orientation demands in the téléservice; schools and their class councils work in Siècle. Every night
//! navette carries what families validated to Siècle, and what the councils answered back. Between the two it guards the
//! window: the téléservice closes at least 24 h before the first council (R08), so that a night can still carry the last
//! demands over, and stays closed until 24 h after the responses are entered and until they have arrived (R10).
//!
//! One binary does it: from a timer (`navette run`), by itself (`navette daemon`), or by hand. It keeps what it knows in
//! one database, SQLite or PostgreSQL, and speaks to both far sides over HTTP or over folders.
//!
//! # The flow
//! ```text
//!          source ──▶ check ──▶ plan ──▶ encode ──▶ intend ──▶ deliver ──▶ record
//!          store      check     plan     codec      store      transport   store
//!                       ▲        ▲                                │
//!                    events,   ledger,                     plan::delivery judges the answer:
//!                    rows      snapshot                    delivered · refused · try again · in doubt
//! ```
//! What is to be sent is committed before it leaves, with its number, name and bytes. What was sent without an answer is
//! in doubt, neither sent nor unsent: the far side is asked before the same bytes go again.
//!
//! # The layers
//! A module imports strictly lower layers, never a neighbour; `tests/it/architecture.rs` checks it.
//!
//! | layer | modules | what they are |
//! | --- | --- | --- |
//! | 0 words | [`domain`] | values of the field, right by construction |
//! | 1 decide | [`guard`] [`nights`] [`check`], and the handles [`clock`] [`crash`] | plain functions: facts and an instant in, a verdict out |
//! | 2 plan, bytes | [`plan`] [`codec`] [`files`] | what to send; values to bytes and back; atomic files |
//! | 3 hands | [`store`] [`transport`] [`mail`] [`sandbox`] | each speaks to one outside thing |
//! | 4 steps | [`run`] | one file a step: hands in the service of decisions |
//! | 5 the hand | [`window`] | what a person asks of the guard |
//! | 6 drivers | [`daemon`] [`status`] [`replay`] [`config`] | who calls the steps, with whose clock |
//! | 7 face | [`cli`] | arguments, one call, output, exit code |
//!
//! One noun in every folder: to follow the demands, open `demands.rs` in `store`, `check`, `plan`, `codec` and `run`.
//!
//! # What always holds
//! - Nothing opens, closes, reopens, imports or changes a calendar without a [`guard`] permit, which the store consumes in
//!   the same transaction as the change. A permit cannot be copied, and is made nowhere else.
//! - What is not known is refused, except closing.
//! - Nothing that a family validated is lost: it is in Siècle, or stands in the anomalies by name (R18).
//! - A number never has two contents, and the same lot has the same bytes however often it is sent.
//! - A run owns its school by a lease whose epoch each of its writes checks.
//! - No network and no file inside a transaction.
//! - Absence is no instruction: an empty feed, a missing file, a silent family delete, unlock and accept nothing.
//! - SIECLE's own exports (the roster) are looked at and never obeyed: they change no demand and lock nothing.
//! - No name, INE, address, choice or reason in a log, an error, a metric or a file's name.
//!
//! # What is absent, on purpose
//! - No cron expressions: what is due is decided from the ledger and the school's zone; a scheduler only wakes us.
//! - No reading of the machine's clock below the drivers: `now` is an argument, so that replay can play years in seconds.
//! - No traits for the far sides and no mocks: tests talk to the [`sandbox`], which shares no rule with [`check`] and
//!   [`plan`] and so is a second opinion.
//! - No question on a terminal, no secret in the configuration, no switch that makes the guard look away: a dérogation is
//!   asked for with a reason, permitted by configuration and journaled.
//!
//! # A demand's way
//! Martine validates three choices for Jules. The téléservice appends a `DEMANDE` to its feed. At the next tick
//! `run::feed` reads the page ([`transport`]), [`codec`] makes events of it, [`check`] compares them with what is known
//! (R02 to R06, R12) and answers changes or anomalies, and [`store`] applies them together with the new cursor. At night
//! `run::demands` takes a snapshot of the campaign, [`plan`] compares it with the ledger — nothing new, too much would
//! vanish, or a lot — [`codec`] encodes the lot, [`store`] commits the intent, [`transport`] publishes it, `plan::delivery`
//! says what the answer means, and [`store`] records that. The receipt, now or at a later tick, makes it acknowledged;
//! cut after the closing, it tells the guard that the councils are ready (R09).
//!
//! # A response's way
//! The council enters its proposals; Siècle publishes a numbered response file. `run::responses` fetches it, [`codec`]
//! reads it strictly, and the [`guard`] is asked: while the téléservice is open the file is held whole. Else [`check`] ends
//! every row applied or in a named anomaly, and [`store`] imports it all in one transaction. `run::orders` carries the
//! responses to the téléservice, which applies each and locks its demand in one step (R11); the `VERROU` events that come
//! back through the feed confirm them. Once none is missing there and 24 h have passed, the guard permits the reopening
//! (R10), families answer, and the next night carries their replies to Siècle (R15).

// Layer 0: words.
pub mod domain;

// Layer 1: decisions, and the two handles that the layers above are given.
pub mod guard;
// Nights are the guard's, in their own file.
pub mod nights;
// What arrives is checked before it is believed.
pub mod check;
// Handles.
pub mod clock;
pub mod crash;

// Layer 2: plans and bytes.
pub mod plan;
// Bytes.
pub mod codec;
pub mod files;

// Layer 3: hands.
pub mod store;
// Far sides.
pub mod transport;
// The school.
pub mod mail;
// Their stand-ins.
pub mod sandbox;

// Layer 4: steps.
pub mod run;

// Layer 5: the hand.
pub mod window;

// Layer 6: drivers.
pub mod daemon;
pub mod status;
// The other hand on the clock.
pub mod replay;
// Wiring's input.
pub mod config;

// Layer 7: the face.
pub mod cli;
