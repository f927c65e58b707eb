//! Values of a certain shape: durations, slots, addresses, URLs and paths with `{uai}`. Their faults repeat nothing.

use crate::domain::{
    school::Uai,
    time::{TimeOfDay, parse_time_of_day},
};
use reqwest::Url;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// What stands for a school's UAI in a path or URL.
const UAI: &str = "{uai}";
/// How the URL parser writes it in a path.
const UAI_ENCODED: &str = "%7Buai%7D";
/// The hour in which civil times vanish or come twice in Europe (guard.md: no slot from 02:00 to 02:59).
const SLOT_REFUSED: &str = "02:";

/// Why a text is not what its key wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueFault(&'static str);

/// A folder, one for every school or one for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate(PathBuf);

impl PathTemplate {
    /// Reads a path in which `{uai}` may stand.
    ///
    /// # Errors
    /// When it is empty or holds any other brace.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ValueFault> {
        if text.trim().is_empty() {
            return Err(ValueFault("must be a path"));
        }
        only_uai(text)?;
        Ok(Self(folder.join(text)))
    }

    /// The folder of a school.
    pub fn for_school(&self, uai: Uai) -> PathBuf {
        let parts = self.0.iter().map(|part| match part.to_str() {
            Some(text) => PathBuf::from(text.replace(UAI, uai.as_str())),
            None => PathBuf::from(part),
        });
        parts.collect()
    }
}

/// The base of a far side's URLs, one for every school or one for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate(Url);

impl UrlTemplate {
    /// Reads a base URL in whose path `{uai}` may stand.
    ///
    /// # Errors
    /// When it is no `https://` URL (or `http://` to loopback), names a user, or has a query or fragment.
    pub fn parse(text: &str) -> Result<Self, ValueFault> {
        only_uai(text)?;
        let url = parse_url(text)?;
        if url.host_str().is_some_and(|host| host.contains('{')) {
            return Err(ValueFault("`{uai}` can stand in the path only"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ValueFault("must be a base URL: no `?`, no `#`"));
        }
        Ok(Self(url))
    }

    /// The base of a school.
    pub fn for_school(&self, uai: Uai) -> Url {
        let mut url = self.0.clone();
        url.set_path(&self.0.path().replace(UAI_ENCODED, uai.as_str()));
        url
    }

    /// Whether it stays on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }
}

/// Reads a URL: `https://`, or `http://` to loopback.
///
/// # Errors
/// For anything else, and for a URL that carries a user or a password.
pub fn parse_url(text: &str) -> Result<Url, ValueFault> {
    let url = Url::parse(text).map_err(|_| ValueFault("must be a URL such as \"https://host/path\""))?;
    match url.scheme() {
        "https" => (),
        "http" if is_loopback(&url) => (),
        "http" => return Err(ValueFault("`http://` only to loopback: use `https://`")),
        _ => return Err(ValueFault("must begin with `https://`")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ValueFault("must not carry a user or password: secrets stand in files"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn only_uai(text: &str) -> Result<(), ValueFault> {
    if text.replace(UAI, "").contains(['{', '}']) {
        return Err(ValueFault("only `{uai}` can stand in braces"));
    }
    Ok(())
}

/// Reads a duration such as `60s`, `5m` or `1h`, at most `max`.
///
/// # Errors
/// For any other shape, and above `max`.
pub fn parse_duration(text: &str, max: Duration) -> Result<Duration, ValueFault> {
    const SHAPE: ValueFault = ValueFault("must be a duration such as \"60s\", \"5m\" or \"1h\"");
    let unit = text.chars().next_back().ok_or(SHAPE)?;
    let unit_s: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return Err(SHAPE),
    };
    let digits = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u64 = digits.and_then(|digits| digits.parse().ok()).ok_or(SHAPE)?;
    let duration = Duration::from_secs(number.saturating_mul(unit_s));
    if duration > max { Err(ValueFault("is too long: at most 1h")) } else { Ok(duration) }
}

/// Reads the nightly slot.
///
/// # Errors
/// When it is no time of day, or between 02:00 and 02:59.
pub fn parse_slot(text: &str) -> Result<TimeOfDay, ValueFault> {
    let slot = parse_time_of_day(text).map_err(|_| ValueFault("must be a time of day such as \"03:15\""))?;
    if text.starts_with(SLOT_REFUSED) {
        return Err(ValueFault(
            "02:00 to 02:59 is refused: these times vanish or come twice when clocks change; take \"03:15\"",
        ));
    }
    Ok(slot)
}

/// Reads an address and port to listen on.
///
/// # Errors
/// When it is not an IP address with a port.
pub fn parse_listen(text: &str) -> Result<SocketAddr, ValueFault> {
    text.parse().map_err(|_| ValueFault("must be an IP address and a port such as \"127.0.0.1:8377\""))
}

/// Reads a mail address; only what would break a header or cannot be delivered is refused.
///
/// # Errors
/// When there is not exactly one `@` between a name and a domain, or white space or brackets.
pub fn parse_mail(text: &str) -> Result<String, ValueFault> {
    let odd = |sign: char| sign.is_whitespace() || sign.is_control() || matches!(sign, '<' | '>' | ',' | ';' | '"');
    match text.split_once('@') {
        Some((name, domain))
            if !name.is_empty() && !domain.is_empty() && !domain.contains('@') && !text.contains(odd) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(ValueFault("must be a mail address such as \"name@example.org\"")),
    }
}

/// Reads how often a run shows that it lives: from one second to a minute.
///
/// # Errors
/// For what is no duration, and for one that is too short or too long.
pub fn parse_heartbeat(text: &str) -> Result<Duration, ValueFault> {
    const MAX: Duration = Duration::from_secs(60);
    let beat = parse_duration(text, MAX)?;
    if beat.is_zero() { Err(ValueFault("must be at least 1s")) } else { Ok(beat) }
}

/// Reads the database's URL: `sqlite:` with a path, relative to `folder`, or `postgres://` without a password.
///
/// # Errors
/// For any other engine, a database in memory, and a password in the URL.
pub fn parse_database(text: &str, folder: &Path) -> Result<String, ValueFault> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains(":memory:") || path.contains("mode=memory") {
            return Err(ValueFault("must name a file: a database in memory forgets what was sent"));
        }
        return Ok(format!("sqlite:{}", folder.join(path).display()));
    }
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        return Err(ValueFault("must begin with `sqlite:` or `postgres://`"));
    }
    let url = Url::parse(text).map_err(|_| ValueFault("must be a URL such as \"postgres://user@host/navette\""))?;
    if url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password") {
        return Err(ValueFault("must not carry a password: name its file in `store.password_file`"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn uai() -> Uai {
        Uai::parse("0380001V").unwrap()
    }

    #[rstest]
    #[case("0s", Some(0))]
    #[case("60s", Some(60))]
    #[case("5m", Some(300))]
    #[case("1h", Some(3_600))]
    #[case("3600s", Some(3_600))]
    #[case("3601s", None)]
    #[case("2h", None)]
    #[case("99999999999999999999h", None)]
    #[case("9999999999999999h", None)]
    #[case("60", None)]
    #[case("s", None)]
    #[case("", None)]
    #[case("+5s", None)]
    #[case("-5s", None)]
    #[case("1.5m", None)]
    #[case("5 m", None)]
    #[case("5d", None)]
    #[case("5é", None)]
    fn a_duration(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(parse_duration(text, HOUR).ok(), seconds.map(Duration::from_secs));
    }

    #[rstest]
    #[case("1s", true)]
    #[case("60s", true)]
    #[case("0s", false)]
    #[case("61s", false)]
    fn a_heartbeat(#[case] text: &str, #[case] taken: bool) {
        assert_eq!(parse_heartbeat(text).is_ok(), taken);
    }

    #[rstest]
    #[case("03:15", true)]
    #[case("01:59", true)]
    #[case("02:00", false)]
    #[case("02:30", false)]
    #[case("02:59", false)]
    #[case("03:00", true)]
    #[case("24:00", false)]
    #[case("3:15", false)]
    #[case("03:15:00", false)]
    fn a_slot(#[case] text: &str, #[case] taken: bool) {
        assert_eq!(parse_slot(text).is_ok(), taken);
    }

    #[rstest]
    #[case("https://siecle.example", Some("https://siecle.example/"))]
    #[case("https://siecle.example/a/{uai}/b", Some("https://siecle.example/a/0380001V/b"))]
    #[case("http://127.0.0.1:8080/x", Some("http://127.0.0.1:8080/x"))]
    #[case("http://[::1]:8080", Some("http://[::1]:8080/"))]
    #[case("http://localhost:8080", Some("http://localhost:8080/"))]
    #[case("http://siecle.example", None)]
    #[case("http://127.0.0.1.example", None)]
    #[case("http://localhost.example", None)]
    #[case("ftp://siecle.example", None)]
    #[case("https://user:pass@siecle.example", None)]
    #[case("https://user@siecle.example", None)]
    #[case("https://siecle.example/?token=x", None)]
    #[case("https://siecle.example/#x", None)]
    #[case("https://{uai}.siecle.example", None)]
    #[case("https://siecle.example/{year}", None)]
    #[case("https://siecle.example/{uai", None)]
    #[case("siecle.example", None)]
    #[case("", None)]
    fn a_url(#[case] text: &str, #[case] expected: Option<&str>) {
        let found = UrlTemplate::parse(text).ok().map(|template| template.for_school(uai()).to_string());
        assert_eq!(found.as_deref(), expected);
    }

    #[rstest]
    #[case("/srv/siecle/{uai}", Some("/srv/siecle/0380001V"))]
    #[case("/srv/{uai}-{uai}/x", Some("/srv/0380001V-0380001V/x"))]
    #[case("/srv/siecle", Some("/srv/siecle"))]
    #[case("siecle", Some("/etc/navette/siecle"))]
    #[case("/srv/{UAI}", None)]
    #[case("/srv/}", None)]
    #[case(" ", None)]
    fn a_path(#[case] text: &str, #[case] expected: Option<&str>) {
        let template = PathTemplate::parse(text, Path::new("/etc/navette")).ok();
        assert_eq!(template.map(|template| template.for_school(uai())), expected.map(PathBuf::from));
    }

    #[test]
    fn braces_in_the_folder_of_the_file_are_no_template() {
        let template = PathTemplate::parse("siecle", Path::new("/etc/{odd}")).unwrap();
        assert_eq!(template.for_school(uai()), Path::new("/etc/{odd}/siecle"));
    }

    #[rstest]
    #[case("cpe@clg-veil.example", true)]
    #[case("cpe", false)]
    #[case("@example", false)]
    #[case("cpe@", false)]
    #[case("a@b@c", false)]
    #[case("a@b,c@d", false)]
    #[case("Veil <cpe@example>", false)]
    #[case("a@b\r\nBcc: c@d", false)]
    fn a_mail_address(#[case] text: &str, #[case] taken: bool) {
        assert_eq!(parse_mail(text).is_ok(), taken);
    }

    #[rstest]
    #[case("sqlite:/var/lib/navette/navette.db", Some("sqlite:/var/lib/navette/navette.db"))]
    #[case("sqlite:///var/lib/navette.db", Some("sqlite:/var/lib/navette.db"))]
    #[case("sqlite:navette.db", Some("sqlite:/etc/navette/navette.db"))]
    #[case("postgres://navette@db/navette", Some("postgres://navette@db/navette"))]
    #[case("postgresql:///navette", Some("postgresql:///navette"))]
    #[case("postgres://navette:secret@db/navette", None)]
    #[case("postgres://db/navette?password=secret", None)]
    #[case("sqlite::memory:", None)]
    #[case("sqlite:", None)]
    #[case("mysql://db/navette", None)]
    fn a_database(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(parse_database(text, Path::new("/etc/navette")).ok().as_deref(), expected);
    }

    #[rstest]
    #[case("127.0.0.1:8377", true)]
    #[case("[::1]:8377", true)]
    #[case("localhost:8377", false)]
    #[case("127.0.0.1", false)]
    fn a_listen_address(#[case] text: &str, #[case] taken: bool) {
        assert_eq!(parse_listen(text).is_ok(), taken);
    }
}
