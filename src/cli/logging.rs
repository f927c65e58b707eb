//! Logs to standard error, as text or JSON, each line with the id of the run that it belongs to.

use crate::config::LogFormat;
use std::io::{self, IsTerminal};
use tracing::{Instrument, Span, instrument::Instrumented};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// The variable that says what is logged, such as `warn` or `navette=debug`.
const LEVELS: &str = "NAVETTE_LOG";
/// What is logged where it says nothing.
const LEVELS_PRESET: &str = "info";

/// The span of one run of the program: whatever is logged inside carries its id.
#[derive(Clone, Debug)]
pub struct RunSpan(Span);

impl RunSpan {
    /// The work, inside of the span.
    pub fn around<F: Future>(&self, work: F) -> Instrumented<F> {
        work.instrument(self.0.clone())
    }
}

/// Starts the log; what was started first stays.
pub fn start(format: LogFormat) -> RunSpan {
    let levels = EnvFilter::try_from_env(LEVELS).unwrap_or_else(|_| EnvFilter::new(LEVELS_PRESET));
    let registry = tracing_subscriber::registry().with(levels);
    let started = match format {
        LogFormat::Text => {
            let colours = io::stderr().is_terminal();
            registry.with(fmt::layer().with_writer(io::stderr).with_ansi(colours)).try_init()
        }
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(io::stderr)).try_init(),
    };
    let id = rand::random::<u32>();
    let span = tracing::info_span!("run", run.id = format!("{id:08x}"));
    if started.is_err() {
        span.in_scope(|| tracing::debug!("The log was started before; its format stays"));
    }
    RunSpan(span)
}
