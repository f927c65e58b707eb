//! `navette doctor`: is everything there that a night needs, and what to do where it is not.

use crate::cli::{
    Global,
    exit::Exit,
    output::{print, print_json},
    wire::{database_url, schools, sqlite_file},
};
use crate::clock::Clock;
use crate::config::{self, Link, MailTransport, Options, secret::SecretFile};
use crate::domain::time::Timestamp;
use crate::files::Files;
use crate::run::{
    context::lease_stale_s,
    doctor::{Line, Part, State, certificate, database, database_place, far_sides, private_place},
};
use crate::store::Store;
use crate::transport::certificate::chain_ends_at;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// Where every key and its meaning stands.
const SEE_THE_TABLE: &str = "mend it: config/README.md says what each key means";

/// Looks at everything, prints a line for each, and ends with what is worst.
///
/// # Errors
/// When standard output cannot be written.
pub async fn execute(global: &Global) -> anyhow::Result<Exit> {
    let lines = match config::load(&global.config) {
        Ok(options) => {
            let span = global.start();
            span.around(everything(&options, global)).await
        }
        Err(faults) => {
            let line = |fault: &config::ConfigFault| {
                Line::of(Part::Configuration, State::SetUp, fault.to_string(), SEE_THE_TABLE)
            };
            faults.iter().map(line).collect()
        }
    };
    let exit = Exit::first(lines.iter().map(|line| exit_of(line.state)));
    if global.json {
        let lines: Vec<Value> = lines.iter().map(document).collect();
        print_json(&json!({ "exit": exit.code(), "lines": lines }))?;
    } else {
        print(&lines.iter().map(text).collect::<String>())?;
    }
    Ok(exit)
}

async fn everything(options: &Options, global: &Global) -> Vec<Line> {
    let (clock, crash) = (Clock::Machine, crate::crash::Crash::off());
    let now = clock.now();
    let file = global.config.display();
    let mut lines = vec![Line::ok(Part::Configuration, format!("{file}: {} schools", options.schools.len()))];
    for secret in secrets(options) {
        lines.extend(secret_line(secret));
    }
    match database_url(&options.store) {
        Ok(url) => {
            if let Some(path) = sqlite_file(&url) {
                lines.extend(database_place(path));
            }
            let stale_s = lease_stale_s(options.night.heartbeat);
            lines.extend(database(Store::existing(&url, crash.clone()).await, stale_s, now).await);
        }
        Err(fault) => lines.push(Line::of(Part::Database, State::SetUp, fault.to_string(), SEE_THE_TABLE)),
    }
    lines.extend(private_place(Part::Folders, &options.store.files));
    lines.extend(own_certificates(options, now));
    match schools(options, &clock, &crash, &Files::new(crash.clone())) {
        Ok(schools) => lines.extend(far_sides(&schools, now).await),
        Err(fault) => lines.push(Line::of(Part::Configuration, State::SetUp, format!("{fault:#}"), SEE_THE_TABLE)),
    }
    lines
}

/// Every file with a secret that the configuration names.
fn secrets(options: &Options) -> Vec<&SecretFile> {
    let mut found: Vec<Option<&SecretFile>> = vec![options.store.password.as_ref(), options.status.password.as_ref()];
    found.push(options.log.pupil_key.as_ref());
    for link in [&options.teleservice, &options.siecle.link] {
        if let Link::Http(http) = link {
            let identity = http.identity.as_ref();
            found.extend([http.token.as_ref(), identity.map(|it| &it.certificate), identity.map(|it| &it.key)]);
        }
    }
    if let Some(MailTransport::Smtp { login: Some((_, password)), .. }) = options.mail.as_ref().map(|it| &it.transport)
    {
        found.push(Some(password));
    }
    found.into_iter().flatten().collect()
}

fn secret_line(secret: &SecretFile) -> Vec<Line> {
    if let Err(fault) = secret.read() {
        let remedy = "put the secret there, readable by this user alone";
        return vec![Line::of(Part::Secrets, State::SetUp, fault.to_string(), remedy)];
    }
    if secret.is_open_to_all() {
        let said = format!("{}: everybody on this machine can read it", secret.key());
        return vec![Line::of(Part::Secrets, State::Warning, said, "chmod o= FILE")];
    }
    vec![Line::ok(Part::Secrets, secret.key())]
}

/// The certificates by which we say who we are.
fn own_certificates(options: &Options, now: Timestamp) -> Vec<Line> {
    let mut lines = Vec::new();
    for link in [&options.teleservice, &options.siecle.link] {
        let Link::Http(http) = link else { continue };
        let Some(identity) = &http.identity else { continue };
        // One that cannot be read has its line already.
        let Ok(pem) = identity.certificate.read() else { continue };
        let key = identity.certificate.key();
        lines.push(match chain_ends_at(pem.expose_secret().as_bytes()) {
            Some(end) => certificate(key, end, now),
            None => Line::of(Part::Certificates, State::SetUp, format!("{key}: no certificate in PEM"), SEE_THE_TABLE),
        });
    }
    lines
}

const fn exit_of(state: State) -> Exit {
    match state {
        State::Ok => Exit::Done,
        State::Warning => Exit::Anomalies,
        State::Failing => Exit::TryAgain,
        State::SetUp => Exit::Usage,
        State::Damaged => Exit::Human,
    }
}

const fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Warning => "warning",
        State::Failing | State::SetUp | State::Damaged => "fault",
    }
}

fn text(line: &Line) -> String {
    let (word, part) = (word(line.state), line.part.as_str());
    let remedy = if line.remedy.is_empty() { String::new() } else { format!("{:9}→ {}\n", "", line.remedy) };
    format!("{word:<8} {part}: {}\n{remedy}", line.said)
}

fn document(line: &Line) -> Value {
    json!({ "part": line.part.as_str(), "state": word(line.state), "said": line.said, "remedy": line.remedy })
}
