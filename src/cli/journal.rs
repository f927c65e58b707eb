//! Log lines as entries of the journal, in its native protocol: each with its MESSAGE_ID, and the fields of its spans and
//! its own as fields, `run.id` as RUN_ID. tracing-journald would give every kind of line the same form without an id.

use crate::cli::kinds::message_id;
use std::{fmt, io, os::unix::net::UnixDatagram, path::Path};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    layer::{Context, Layer},
    registry::LookupSpan,
};

/// Where the journal listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";
/// How the journal names the program.
const IDENTIFIER: &str = "navette";

/// The way to the journal.
#[derive(Debug)]
pub struct Journal(UnixDatagram);

impl Journal {
    /// Connects to the journal's socket.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        Ok(Self(socket))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Journal {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut entry = Entry::default();
        attributes.record(&mut entry);
        span.extensions_mut().insert(entry);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(entry) = span.extensions_mut().get_mut::<Entry>() {
            record.record(entry);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut entry = Entry::default();
        entry.put("SYSLOG_IDENTIFIER", IDENTIFIER);
        entry.put("PRIORITY", priority(*metadata.level()));
        entry.put("TARGET", metadata.target());
        if let Some(id) = message_id(metadata.name()) {
            entry.put("MESSAGE_ID", id);
        }
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Entry>() {
                entry.0.extend_from_slice(&of_span.0);
            }
        }
        event.record(&mut entry);
        // A journal that is full or gone can be told nothing, and neither can anybody else.
        let _ = self.0.send(&entry.0);
    }
}

/// syslog(3): err, warning, info, debug.
const fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

/// Fields of an entry, as the journal reads them: `NAME=value`, or with a length where the value has several lines.
#[derive(Default)]
struct Entry(Vec<u8>);

impl Entry {
    fn put(&mut self, name: &str, value: &str) {
        let sign = |it: char| if it.is_ascii_alphanumeric() { it.to_ascii_uppercase() } else { '_' };
        self.0.extend(name.chars().map(sign).map(|sign| sign as u8));
        if value.contains('\n') {
            self.0.push(b'\n');
            self.0.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'\n');
    }
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn an_entry_has_its_kind_its_run_and_its_fields() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let heard = UnixDatagram::bind(&path).unwrap();
        let subscriber = tracing_subscriber::registry().with(Journal::connect(&path).unwrap());
        tracing::subscriber::with_default(subscriber, || {
            let _run = tracing::info_span!("run", run.id = "000000a1").entered();
            tracing::warn!(name: "lot.left", { lot.number = 12 }, "Lot 12 left\nat last");
        });
        let mut bytes = [0; 4_096];
        let length = heard.recv(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let id = format!("MESSAGE_ID={}", message_id("lot.left").unwrap());
        let whole = "MESSAGE\n\u{13}\0\0\0\0\0\0\0Lot 12 left\nat last\n";
        for part in [id.as_str(), "PRIORITY=4", "RUN_ID=000000a1", "LOT_NUMBER=12", "SYSLOG_IDENTIFIER=navette", whole]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
