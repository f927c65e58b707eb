//! Logs to standard error, as text or JSON, each line with the id of the run that it belongs to.

use crate::config::LogFormat;
use std::io::{self, IsTerminal};
use tracing::{Instrument, Span, Subscriber, instrument::Instrumented};
use tracing_subscriber::{
    EnvFilter,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

/// The variable that says what is logged, such as `warn` or `navette=debug`.
const LEVELS: &str = "NAVETTE_LOG";
/// What is logged where it says nothing: what we build on speaks only when something is wrong.
const LEVELS_PRESET: &str = "warn,navette=info";

/// The span of one run of the program: whatever is logged inside carries its id.
#[derive(Clone, Debug)]
pub struct RunSpan(Span);

impl RunSpan {
    fn new(id: u32) -> Self {
        Self(tracing::info_span!("run", run.id = format!("{id:08x}")))
    }

    /// The work, inside of the span. What it spawns is outside, unless it is put inside here too.
    pub fn around<F: Future>(&self, work: F) -> Instrumented<F> {
        work.instrument(self.0.clone())
    }
}

/// Starts the log of the process; a log that was started before stays as it is.
pub fn start(format: LogFormat) -> RunSpan {
    let levels = EnvFilter::try_from_env(LEVELS).unwrap_or_else(|_| EnvFilter::new(LEVELS_PRESET));
    let subscriber = subscriber(format, levels, io::stderr, io::stderr().is_terminal());
    let first = tracing::subscriber::set_global_default(subscriber).is_ok();
    let span = RunSpan::new(rand::random());
    if !first {
        span.0.in_scope(|| tracing::debug!("The log was started before: it keeps its format"));
    }
    span
}

fn subscriber<W>(format: LogFormat, levels: EnvFilter, out: W, colours: bool) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(levels);
    match format {
        LogFormat::Text => Box::new(registry.with(fmt::layer().with_writer(out).with_ansi(colours))),
        LogFormat::Json => Box::new(registry.with(fmt::layer().json().with_writer(out))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pupil::Private;
    use std::sync::{Arc, Mutex};

    /// The lines that a run logs in a format.
    fn logged(format: LogFormat) -> String {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let levels = EnvFilter::new(LEVELS_PRESET);
        let colours = false;
        let subscriber = subscriber(format, levels, Lines(lines.clone()), colours);
        tracing::subscriber::with_default(subscriber, || {
            let name = Private::from("DUPOND".to_owned());
            let work = async { tracing::info!(lot.number = 12, pupil.name = ?name, "Published lot 12") };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(RunSpan::new(0xa1).around(work));
            tracing::debug!("below the level");
            tracing::info!(target: "hyper", "somebody else's chatter");
        });
        let bytes = lines.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Clone)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_line_of_text_carries_run_and_fields() {
        let text = logged(LogFormat::Text);
        assert_eq!(text.lines().count(), 1, "{text}");
        for part in ["INFO", "000000a1", "lot.number=12", "Published lot 12"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('\u{1b}') && !text.contains("DUPOND"), "{text}");
    }

    #[test]
    fn a_line_of_json_is_one_object_with_run_and_fields() {
        let text = logged(LogFormat::Json);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["fields"]["message"], "Published lot 12");
        assert_eq!(line["fields"]["lot.number"], 12);
        assert_eq!(line["span"]["run.id"], "000000a1");
        assert!(!text.contains("DUPOND"), "{text}");
    }
}
