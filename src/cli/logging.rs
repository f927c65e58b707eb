//! Logs to standard error as text or JSON, or to the journal, each line with the id of the run that it belongs to.

use crate::cli::{
    journal::{Journal, SOCKET},
    kinds::message_id,
    progress::BesideBar,
};
use crate::config::LogFormat;
use crate::run;
use std::{
    fmt,
    io::{self, IsTerminal},
    panic::{self, Location},
    path::Path,
};
use tracing::{Event, Instrument, Span, Subscriber, instrument::Instrumented};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{Format, Json, Writer},
        layer,
    },
    layer::SubscriberExt,
    registry::LookupSpan,
};

/// The variable that says what is logged, such as `warn` or `navette=debug`.
const LEVELS: &str = "NAVETTE_LOG";
/// What is logged where it says nothing: what we build on speaks only when something is wrong. A slow disk is not: sqlx would
/// print each statement that waited for it, in whole.
const LEVELS_PRESET: &str = "warn,sqlx::query=error,navette=info";
/// The same of a play, which tells its story itself: what goes wrong in it was asked for.
const LEVELS_OF_PLAYS: &str = "off";

/// The span of one run of the program: whatever is logged inside carries its id.
#[derive(Clone, Debug)]
pub struct RunSpan(Span);

impl RunSpan {
    fn new(id: &str) -> Self {
        Self(tracing::info_span!("run", run.id = id))
    }

    /// The work, inside of the span. What it spawns is outside, unless it is put inside here too.
    pub fn around<F: Future>(&self, work: F) -> Instrumented<F> {
        work.instrument(self.0.clone())
    }
}

/// Starts the log of the process; a log that was started before stays as it is.
pub fn start(format: LogFormat) -> RunSpan {
    start_at(format, LEVELS_PRESET)
}

/// Starts the log of a play, as text, where one is asked for.
pub fn start_of_play() -> RunSpan {
    start_at(LogFormat::Text, LEVELS_OF_PLAYS)
}

fn start_at(format: LogFormat, preset: &str) -> RunSpan {
    let levels = EnvFilter::try_from_env(LEVELS).unwrap_or_else(|_| EnvFilter::new(preset));
    let (sink, fault) = match format {
        LogFormat::Text => (Sink::Text, None),
        LogFormat::Json => (Sink::Json, None),
        LogFormat::Journald => match Journal::connect(Path::new(SOCKET)) {
            Ok(journal) => (Sink::Journal(journal), None),
            Err(fault) => (Sink::Text, Some(fault)),
        },
    };
    let subscriber = subscriber(sink, levels, BesideBar, io::stderr().is_terminal());
    let first = tracing::subscriber::set_global_default(subscriber).is_ok();
    if first {
        panic::set_hook(Box::new(|fault| panicked(fault.location())));
    }
    if let Some(fault) = fault {
        tracing::warn!(name: "log.elsewhere", "No journal listens at {SOCKET}, standard error is taken: {fault}");
    }
    let span = RunSpan::new(&run::id());
    if !first {
        span.0.in_scope(|| tracing::debug!(name: "log.kept", "The log was started before: it keeps its format"));
    }
    span
}

/// Says where the program is at fault, once. What the panic says may quote a pupil's text, and is not said.
fn panicked(at: Option<&Location<'_>>) {
    let at = at.map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    tracing::error!(name: "job.panicked", "A fault of the program, at {at}: please report it");
}

/// Where lines go.
enum Sink {
    Text,
    Json,
    Journal(Journal),
}

fn subscriber<W>(sink: Sink, levels: EnvFilter, out: W, colours: bool) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(levels);
    match sink {
        Sink::Text => Box::new(registry.with(layer().with_writer(out).with_ansi(colours))),
        Sink::Json => Box::new(registry.with(layer().json().map_event_format(Named).with_writer(out))),
        Sink::Journal(journal) => Box::new(registry.with(journal)),
    }
}

/// A line of JSON with the MESSAGE_ID of its kind.
struct Named(Format<Json>);

impl<S, N> FormatEvent<S, N> for Named
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match message_id(event.metadata().name()).zip(line.strip_prefix('{')) {
            Some((id, rest)) => write!(out, "{{\"message_id\":\"{id}\",{rest}"),
            None => out.write_str(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pupil::Private;
    use std::sync::{Arc, Mutex};

    /// The lines that a run logs in a format.
    fn logged(sink: Sink) -> String {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let levels = EnvFilter::new(LEVELS_PRESET);
        let colours = false;
        let subscriber = subscriber(sink, levels, Lines(lines.clone()), colours);
        tracing::subscriber::with_default(subscriber, || {
            let name = Private::from("DUPOND".to_owned());
            let work =
                async { tracing::info!(name: "lot.left", { lot.number = 12, pupil.name = ?name }, "Published lot 12") };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(RunSpan::new("000000a1").around(work));
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
        let text = logged(Sink::Text);
        assert_eq!(text.lines().count(), 1, "{text}");
        for part in ["INFO", "000000a1", "lot.number=12", "Published lot 12"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('\u{1b}') && !text.contains("DUPOND"), "{text}");
    }

    #[test]
    fn a_line_of_json_is_one_object_with_run_and_fields() {
        let text = logged(Sink::Json);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["fields"]["message"], "Published lot 12");
        assert_eq!(line["fields"]["lot.number"], 12);
        assert_eq!(line["span"]["run.id"], "000000a1");
        assert_eq!(line["message_id"], message_id("lot.left").unwrap());
        assert!(!text.contains("DUPOND"), "{text}");
    }
}
