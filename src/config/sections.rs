//! The sections of navette.toml, one function each: values in, options out, faults to the reader.

use crate::config::{
    GuardOptions, HealthOptions, HttpLink, Identity, Link, LogFormat, LogOptions, MailOptions, MailTransport,
    NightOptions, Options, SiecleOptions, StatusOptions, StoreOptions, ThresholdOptions, Tls,
    reader::{Reader, Section},
    schools,
    secret::SecretFile,
    values::{
        PathTemplate, UrlTemplate, parse_database, parse_duration, parse_heartbeat, parse_listen, parse_mail,
        parse_slot, parse_url,
    },
};
use crate::domain::lot::{Encoding, Format};
use std::time::Duration;

/// Exchange files hold personal data: kept a day at least, a year at most (domain.md, personal data).
const KEEP_DAYS: std::ops::RangeInclusive<i64> = 1..=365;
/// More at once only moves the queue to the far sides.
const AT_ONCE: std::ops::RangeInclusive<i64> = 1..=64;
/// A run that waits longer for a receipt would meet the next tick's work; the receipt is asked again anyway.
const RECEIPT_WAIT_MAX: Duration = Duration::from_secs(3_600);
/// Per cent.
const PERCENT: std::ops::RangeInclusive<i64> = 0..=100;
/// No campaign has more pupils.
const FLOOR: std::ops::RangeInclusive<i64> = 0..=100_000;
/// TCP ports.
const PORTS: std::ops::RangeInclusive<i64> = 1..=65_535;

/// All sections, every one of which is read even when another is faulty.
pub(in crate::config) fn options(reader: &Reader<'_>) -> Option<Options> {
    let store = store(reader);
    let night = night(reader);
    let guard = guard(reader);
    let thresholds = thresholds(reader);
    let teleservice = link(reader, "teleservice");
    let siecle = siecle(reader);
    let mail = mail(reader);
    let status = status(reader);
    let health = health(reader);
    let log = log(reader);
    let schools = schools::schools(reader);
    Some(Options {
        store: store?,
        night: night?,
        guard: guard?,
        thresholds: thresholds?,
        teleservice: teleservice?,
        siecle: siecle?,
        mail: mail?,
        status: status?,
        health,
        log: log?,
        schools,
    })
}

fn store(reader: &Reader<'_>) -> Option<StoreOptions> {
    let section = reader.section("store");
    let database = section.text("database");
    let database = database.and_then(|spot| reader.read(&spot, |text| parse_database(text, reader.folder())));
    let files = section.filled("files").map(|spot| reader.path(&spot.text));
    let files = files.or_else(|| missing(&section, "files", "must be a path"));
    let keep_files_days = section.number("keep_files_days", KEEP_DAYS);
    let password = secret(reader, &section, "password_file");
    Some(StoreOptions { database: database?, password, files: files?, keep_files_days: keep_files_days? })
}

fn night(reader: &Reader<'_>) -> Option<NightOptions> {
    let section = reader.section("night");
    let slot = section.text("slot").and_then(|spot| reader.read(&spot, parse_slot));
    let schools_at_once = section.number("schools_at_once", AT_ONCE);
    let wait = section.text("receipt_wait");
    let wait = wait.and_then(|spot| reader.read(&spot, |text| parse_duration(text, RECEIPT_WAIT_MAX)));
    let beat = section.text("heartbeat");
    let beat = beat.and_then(|spot| reader.read(&spot, parse_heartbeat));
    Some(NightOptions { slot: slot?, schools_at_once: schools_at_once?, receipt_wait: wait?, heartbeat: beat? })
}

fn guard(reader: &Reader<'_>) -> Option<GuardOptions> {
    let section = reader.section("guard");
    let (enforce, overrides) = (section.switch("enforce"), section.switch("overrides"));
    Some(GuardOptions { enforce: enforce?, overrides: overrides? })
}

fn thresholds(reader: &Reader<'_>) -> Option<ThresholdOptions> {
    let section = reader.section("thresholds");
    let (percent, floor) = (section.number("vanish_percent", PERCENT), section.number("vanish_floor", FLOOR));
    Some(ThresholdOptions { vanish_percent: percent?, vanish_floor: floor? })
}

#[derive(Clone, Copy)]
enum Way {
    Http,
    Directory,
}

fn link(reader: &Reader<'_>, name: &'static str) -> Option<Link> {
    let section = reader.section(name);
    let way = section.choice("transport", &[("http", Way::Http), ("directory", Way::Directory)]);
    let base = section.filled("url").map(|spot| reader.read(&spot, UrlTemplate::parse));
    let path = section.filled("path");
    let path = path.map(|spot| reader.read(&spot, |text| PathTemplate::parse(text, reader.folder())));
    let token = secret(reader, &section, "token_file");
    let certificate = secret(reader, &section, "client_certificate_file");
    let key = secret(reader, &section, "client_key_file");
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
        (None, None) => None,
        (Some(_), None) => missing(&section, "client_key_file", "is missing beside client_certificate_file"),
        (None, Some(_)) => missing(&section, "client_certificate_file", "is missing beside client_key_file"),
    };
    let roots = section.filled("roots_file").map(|spot| reader.path(&spot.text));
    match way? {
        Way::Directory => match path {
            Some(path) => path.map(Link::Directory),
            None => missing(&section, "path", "is missing: transport \"directory\" needs it"),
        },
        Way::Http => {
            let Some(base) = base else {
                return missing(&section, "url", "is missing: transport \"http\" needs it");
            };
            let base = base?;
            if token.is_none() && identity.is_none() && !base.is_loopback() {
                let wanted = "is missing: name a token, or a client certificate and its key";
                return missing(&section, "token_file", wanted);
            }
            Some(Link::Http(Box::new(HttpLink { base, token, identity, roots })))
        }
    }
}

fn siecle(reader: &Reader<'_>) -> Option<SiecleOptions> {
    let section = reader.section("siecle");
    let link = link(reader, "siecle");
    let format = section.choice("format", &[("xml", Format::Xml), ("csv", Format::Csv)]);
    let encoding = section.choice("encoding", &[("utf-8", Encoding::Utf8), ("iso-8859-15", Encoding::Latin9)]);
    let nomenclature = section.filled("nomenclature").map(|spot| reader.path(&spot.text));
    Some(SiecleOptions { link: link?, format: format?, encoding: encoding?, nomenclature })
}

#[derive(Clone, Copy)]
enum MailWay {
    Off,
    Smtp,
    Directory,
}

/// `None` after a fault, `Some(None)` when mail is off.
fn mail(reader: &Reader<'_>) -> Option<Option<MailOptions>> {
    let section = reader.section("mail");
    let ways = [("off", MailWay::Off), ("smtp", MailWay::Smtp), ("directory", MailWay::Directory)];
    let way = section.choice("transport", &ways);
    let from = section.filled("from").map(|spot| reader.read(&spot, parse_mail));
    let smtp = smtp(reader, &section, matches!(way, Some(MailWay::Smtp)));
    let path = section.filled("path").map(|spot| reader.path(&spot.text));
    let transport = match way? {
        MailWay::Off => return Some(None),
        MailWay::Smtp => smtp,
        MailWay::Directory => match path {
            Some(path) => Some(MailTransport::Directory(path)),
            None => missing(&section, "path", "is missing: transport \"directory\" needs it"),
        },
    };
    let from = match from {
        Some(from) => from,
        None => missing(&section, "from", "is missing: mails need a sender"),
    };
    Some(Some(MailOptions { from: from?, transport: transport? }))
}

/// The keys of SMTP; what is missing among them is a fault only when it is `used`.
fn smtp(reader: &Reader<'_>, section: &Section<'_>, used: bool) -> Option<MailTransport> {
    let host = section.filled("host");
    let port = section.number("port", PORTS);
    let tls = [("starttls", Tls::StartTls), ("implicit", Tls::Implicit), ("none", Tls::Off)];
    let tls = section.choice("tls", &tls);
    let user = section.filled("user").map(|spot| spot.text);
    let password = secret(reader, section, "password_file");
    if !used {
        return None;
    }
    let login = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        (Some(_), None) => missing(section, "password_file", "is missing beside user"),
        (None, Some(_)) => missing(section, "user", "is missing beside password_file"),
    };
    let Some(host) = host else {
        return missing(section, "host", "is missing: transport \"smtp\" needs it");
    };
    let near = host.text == "localhost" || host.text.parse::<std::net::IpAddr>().is_ok_and(|host| host.is_loopback());
    if tls == Some(Tls::Off) && !near {
        return missing(section, "tls", "\"none\" only to loopback: mails name pupils");
    }
    Some(MailTransport::Smtp { host: host.text, port: port?, tls: tls?, login })
}

fn status(reader: &Reader<'_>) -> Option<StatusOptions> {
    let section = reader.section("status");
    let listen = section.text("listen").and_then(|spot| reader.read(&spot, parse_listen))?;
    let password = secret(reader, &section, "password_file");
    if !listen.ip().is_loopback() && password.is_none() {
        return missing(&section, "password_file", "is missing: anything else than loopback needs it");
    }
    Some(StatusOptions { listen, password })
}

fn health(reader: &Reader<'_>) -> HealthOptions {
    let section = reader.section("health");
    let ping = section.filled("ping_url").and_then(|spot| reader.read(&spot, parse_url));
    HealthOptions { ping, metrics_file: section.filled("metrics_file").map(|spot| reader.path(&spot.text)) }
}

fn log(reader: &Reader<'_>) -> Option<LogOptions> {
    let section = reader.section("log");
    let format = section
        .choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json), ("journald", LogFormat::Journald)]);
    Some(LogOptions { format: format?, pupil_key: secret(reader, &section, "pupil_key_file") })
}

fn secret(reader: &Reader<'_>, section: &Section<'_>, name: &str) -> Option<SecretFile> {
    section.filled(name).map(|spot| SecretFile::new(&spot.key, &spot.text, reader.folder()))
}

fn missing<T>(section: &Section<'_>, name: &str, message: &str) -> Option<T> {
    section.fault(name, message);
    None
}
