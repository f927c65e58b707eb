//! navette.toml as typed options. Every fault is said at once, with its line and key, and no value is ever repeated.
//! What the options mean is decided by those who take them; secrets are names of files here, read when they are needed.

pub mod keys;
mod reader;
mod schools;
pub mod secret;
mod sections;
pub mod values;

use crate::config::{
    reader::Reader,
    secret::{SecretFault, SecretFile},
    values::{PathTemplate, UrlTemplate},
};
use crate::domain::{
    lot::{Encoding, Format},
    school::School,
    time::TimeOfDay,
};
pub use crate::mail::Tls;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::{
    fmt, fs,
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// Far above any navette.toml: a larger file is not one.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// All that navette.toml says.
#[derive(Clone, Debug)]
pub struct Options {
    /// Database and files.
    pub store: StoreOptions,
    /// Nights.
    pub night: NightOptions,
    /// Guard.
    pub guard: GuardOptions,
    /// What is held for approval.
    pub thresholds: ThresholdOptions,
    /// The téléservice.
    pub teleservice: Link,
    /// Siècle.
    pub siecle: SiecleOptions,
    /// Mail to the schools.
    pub mail: Option<MailOptions>,
    /// Status page.
    pub status: StatusOptions,
    /// Signals to supervision.
    pub health: HealthOptions,
    /// Logs.
    pub log: LogOptions,
    /// The schools served, by UAI and year.
    pub schools: Vec<School>,
}

/// `[store]`.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite:` with an absolute path where the configuration has one, or `postgres://` without a password.
    pub database: String,
    /// The password of PostgreSQL.
    pub password: Option<SecretFile>,
    /// Root of the exchanged files.
    pub files: PathBuf,
    /// Days after which acknowledged files are purged.
    pub keep_files_days: u16,
}

/// `[night]`.
#[derive(Clone, Copy, Debug)]
pub struct NightOptions {
    /// Civil time of the nightly run, in each school's zone.
    pub slot: TimeOfDay,
    /// Schools that run at the same time.
    pub schools_at_once: usize,
    /// How long a run waits for a receipt.
    pub receipt_wait: Duration,
    /// How often a run shows that it lives.
    pub heartbeat: Duration,
}

/// `[guard]`.
#[derive(Clone, Copy, Debug)]
pub struct GuardOptions {
    /// Whether orders are given, or only reported.
    pub enforce: bool,
    /// Whether dérogations are permitted.
    pub overrides: bool,
}

/// `[thresholds]`.
#[derive(Clone, Copy, Debug)]
pub struct ThresholdOptions {
    /// Per cent of the pupils above which a plan is held.
    pub vanish_percent: u32,
    /// Pupils up to which nothing is held.
    pub vanish_floor: u32,
}

/// How a far side is reached.
#[derive(Clone, Debug)]
pub enum Link {
    /// Over HTTP.
    Http(Box<HttpLink>),
    /// Over folders.
    Directory(PathTemplate),
}

/// A far side over HTTP.
#[derive(Clone, Debug)]
pub struct HttpLink {
    /// Base of its URLs.
    pub base: UrlTemplate,
    /// Bearer token.
    pub token: Option<SecretFile>,
    /// Certificate and key of mutual TLS.
    pub identity: Option<Identity>,
    /// Certificates of the authorities to trust beside the system's.
    pub roots: Option<PathBuf>,
}

/// A client certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, with its chain.
    pub certificate: SecretFile,
    /// The key.
    pub key: SecretFile,
}

impl Identity {
    /// Certificate and key, one after the other, as PEM.
    ///
    /// # Errors
    /// When one of the two files cannot be read.
    pub fn read_pem(&self) -> Result<SecretString, SecretFault> {
        let (certificate, key) = (self.certificate.read()?, self.key.read()?);
        Ok(SecretString::from(format!("{}\n{}\n", certificate.expose_secret(), key.expose_secret())))
    }
}

/// `[siecle]`.
#[derive(Clone, Debug)]
pub struct SiecleOptions {
    /// How it is reached.
    pub link: Link,
    /// Format of lots.
    pub format: Format,
    /// Encoding of lots.
    pub encoding: Encoding,
    /// Nomenclature of formations, for the warning MEF.
    pub nomenclature: Option<PathBuf>,
}

/// `[mail]`, when it is not off.
#[derive(Clone, Debug)]
pub struct MailOptions {
    /// Sender of the nightly report.
    pub from: String,
    /// Where mails are handed over.
    pub transport: MailTransport,
}

/// Where mails are handed over.
#[derive(Clone, Debug)]
pub enum MailTransport {
    /// To a server.
    Smtp {
        /// Host.
        host: String,
        /// Port.
        port: u16,
        /// Encryption.
        tls: Tls,
        /// User and password.
        login: Option<(String, SecretFile)>,
    },
    /// To a folder.
    Directory(PathBuf),
}

/// `[status]`.
#[derive(Clone, Debug)]
pub struct StatusOptions {
    /// Address of the page.
    pub listen: SocketAddr,
    /// Password of the page.
    pub password: Option<SecretFile>,
}

/// `[health]`.
#[derive(Clone, Debug)]
pub struct HealthOptions {
    /// Dead man's switch.
    pub ping: Option<Url>,
    /// Textfile of the node exporter.
    pub metrics_file: Option<PathBuf>,
}

/// `[log]`.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Format of log lines.
    pub format: LogFormat,
    /// HMAC key of pupil references.
    pub pupil_key: Option<SecretFile>,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// To the journal, in its own protocol.
    Journald,
}

/// One fault of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// The file, or the list of schools that it names.
    pub file: PathBuf,
    /// Line, from 1; 0 when the file could not be read.
    pub line: usize,
    /// Key; empty where the fault lies outside of one.
    pub key: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)
    }
}

/// Reads a configuration file.
///
/// # Errors
/// Every fault of the file and of the list of schools that it names.
pub fn load(path: &Path) -> Result<Options, Vec<ConfigFault>> {
    let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let text = read_text(&file, CONFIG_BYTES_MAX)
        .map_err(|message| vec![ConfigFault { file: file.clone(), line: 0, key: String::new(), message }])?;
    let reader = Reader::new(&file, &text);
    let options = sections::options(&reader);
    let faults = reader.into_faults();
    match options {
        Some(options) if faults.is_empty() => Ok(options),
        Some(_) | None => Err(faults),
    }
}

/// Reads a text file up to a limit; a byte order mark is dropped.
fn read_text(path: &Path, bytes_max: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|fault| format!("cannot be opened: {fault}"))?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|fault| format!("cannot be read: {fault}"))?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("is larger than {bytes_max} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8: save it in that encoding".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// The least that loads: everything else is left at its default.
    const LEAST: &str = r#"[teleservice]
url = "http://127.0.0.1:1/"
[siecle]
path = "/srv/siecle/{uai}"
[[school]]
uai = "0380001v"
year = 2019
"#;

    fn load_text(text: &str) -> Result<Options, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let list = "uai;annee;nom;fuseau;courriel\n0750654D;2019;Clg Jean Vilar;;\n9840396H;2020;;Pacific/Marquesas;cpe@hivaoa.example\n";
        fs::write(folder.path().join("schools.csv"), list).unwrap();
        fs::write(
            folder.path().join("faulty.csv"),
            "uai;annee;nom;fuseau;courriel\n0750654A;19;x;y;z\n1;2\n0380001V;2019;x;;\n",
        )
        .unwrap();
        fs::write(folder.path().join("headless.csv"), "0750654D;2019;x;;\n").unwrap();
        fs::write(folder.path().join("ansi.csv"), b"uai;annee;nom;fuseau;courriel\n0750654D;2019;Clg \xe9;;\n")
            .unwrap();
        let path = folder.path().join("navette.toml");
        fs::write(&path, text).unwrap();
        let prefix = format!("{}/", folder.path().display());
        load(&path).map_err(|faults| faults.iter().map(|fault| fault.to_string().replace(&prefix, "")).collect())
    }

    /// The faults of `LEAST` with one line put before it, or with one line replaced.
    fn check(text: &str, expected: &[&str]) {
        let faults = load_text(text).map(|_| ()).unwrap_err();
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
        for (fault, wanted) in faults.iter().zip(expected) {
            assert!(fault.starts_with(wanted), "{fault:?} instead of {wanted:?}");
        }
    }

    #[test]
    fn defaults_hold_where_nothing_is_said() {
        let options = load_text(LEAST).unwrap();
        assert_eq!(options.store.database, "sqlite:/var/lib/navette/navette.db");
        assert_eq!(options.store.files, Path::new("/var/lib/navette/files"));
        assert_eq!(options.store.keep_files_days, 30);
        assert_eq!(options.night.slot, TimeOfDay::from_hms_opt(3, 15, 0).unwrap());
        assert_eq!((options.night.schools_at_once, options.night.receipt_wait), (8, Duration::from_secs(60)));
        assert!(options.guard.enforce && !options.guard.overrides);
        assert_eq!((options.thresholds.vanish_percent, options.thresholds.vanish_floor), (20, 5));
        assert!(matches!(options.teleservice, Link::Http(_)) && matches!(options.siecle.link, Link::Directory(_)));
        assert_eq!((options.siecle.format, options.siecle.encoding), (Format::Xml, Encoding::Utf8));
        assert!(options.siecle.nomenclature.is_none() && options.mail.is_none());
        assert_eq!(options.status.listen.to_string(), "127.0.0.1:8377");
        assert_eq!(options.log.format, LogFormat::Text);
        let [school] = options.schools.as_slice() else { panic!("{:?}", options.schools) };
        assert_eq!((school.key.to_string(), school.name.as_str()), ("0380001V-2019".to_owned(), "0380001V"));
        assert_eq!((school.zone.name(), school.mail.as_deref()), ("Europe/Paris", None));
    }

    #[rstest]
    #[case::at_the_top("schools_file = \"schools.csv\"\n", "")]
    #[case::as_a_school("", "[[school]]\nschools_file = \"schools.csv\"\n")]
    fn a_list_of_schools_adds_to_the_tables(#[case] before: &str, #[case] after: &str) {
        let options = load_text(&format!("{before}{LEAST}{after}")).unwrap();
        let said = options.schools.iter().map(|school| {
            format!("{} {} {} {}", school.key, school.name, school.zone, school.mail.as_deref().unwrap_or("-"))
        });
        let expected = [
            "0380001V-2019 0380001V Europe/Paris -",
            "0750654D-2019 Clg Jean Vilar Europe/Paris -",
            "9840396H-2020 9840396H Pacific/Marquesas cpe@hivaoa.example",
        ];
        assert_eq!(said.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_school_can_stand_in_two_years_and_overrides_its_zone() {
        let text =
            format!("{LEAST}[[school]]\nuai = \"0380001V\"\nyear = 2020\nzone = \"Pacific/Gambier\"\nname = \"Clg\"\n");
        let options = load_text(&text).unwrap();
        assert_eq!(options.schools.len(), 2);
        assert_eq!((options.schools[1].zone.name(), options.schools[1].name.as_str()), ("Pacific/Gambier", "Clg"));
    }

    #[test]
    fn all_faults_are_said_at_once_by_line() {
        let text = r#"[store]
keep_files_days = 366
colour = "blue"
[night]
slot = "02:30"
schools_at_once = "8"
receipt_wait = "60"
[guard]
enforce = "yes"
[thresholds]
vanish_percent = 101
[teleservice]
url = "http://siecle.example/"
[siecle]
format = "json"
[mail]
transport = "smtp"
[status]
listen = "0.0.0.0:80"
[log]
format = "systemd"
[[school]]
uai = "0380001A"
year = 19
zone = "Mars/Olympus"
[weather]
"#;
        check(
            text,
            &[
                "navette.toml:2: store.keep_files_days: must be from 1 to 365",
                "navette.toml:3: store.colour: unknown key",
                "navette.toml:5: night.slot: 02:00 to 02:59 is refused",
                "navette.toml:6: night.schools_at_once: must be a whole number",
                "navette.toml:7: night.receipt_wait: must be a duration",
                "navette.toml:9: guard.enforce: must be true or false",
                "navette.toml:11: thresholds.vanish_percent: must be from 0 to 100",
                "navette.toml:13: teleservice.url: `http://` only to loopback",
                "navette.toml:14: siecle.path: is missing",
                "navette.toml:15: siecle.format: must be \"xml\" or \"csv\"",
                "navette.toml:16: mail.host: is missing",
                "navette.toml:16: mail.from: is missing",
                "navette.toml:18: status.password_file: is missing",
                "navette.toml:21: log.format: must be \"text\" or \"json\" or \"journald\"",
                "navette.toml:23: school.uai: the key letter of this UAI should be V",
                "navette.toml:24: school.year: must be from 2000 to 2099",
                "navette.toml:25: school.zone: must be a zone",
                "navette.toml:26: weather: unknown key",
            ],
        );
    }

    #[rstest]
    #[case::not_toml("[store\n", &["navette.toml:1: not TOML", "navette.toml:1: teleservice.url", "navette.toml:1: siecle.path", "navette.toml:1: school: no school"])]
    #[case::a_key_twice(&format!("{LEAST}year = 2020\n"), &["navette.toml:8: not TOML"])]
    #[case::section_as_value(&format!("night = 3\n{LEAST}"), &["navette.toml:1: night: this is a section"])]
    #[case::unknown_at_the_top(&format!("nigth = 3\n{LEAST}"), &["navette.toml:1: nigth: unknown key"])]
    #[case::no_school("[teleservice]\nurl=\"http://[::1]/\"\n[siecle]\npath=\"x\"\n", &["navette.toml:1: school: no school"])]
    #[case::school_as_a_table("[school]\nuai=\"0380001V\"\n[teleservice]\nurl=\"http://[::1]/\"\n[siecle]\npath=\"x\"\n", &["navette.toml:1: school: write each school", "navette.toml:1: school: no school"])]
    #[case::school_without_keys(&format!("{LEAST}[[school]]\nname = \"x\"\n"), &["navette.toml:8: school.uai: is missing", "navette.toml:8: school.year: is missing"])]
    #[case::school_twice(&format!("{LEAST}[[school]]\nuai = \"0380001V\"\nyear = 2019\n"), &["navette.toml:9: school.uai: 0380001V-2019 stands already at navette.toml:6"])]
    #[case::list_and_more(&format!("{LEAST}[[school]]\nschools_file = \"schools.csv\"\nname = \"x\"\n"), &["navette.toml:10: school.name: a school that names"])]
    #[case::list_without_header(&format!("schools_file = \"headless.csv\"\n{LEAST}"), &["headless.csv:1: the first line must be `uai;annee;nom;fuseau;courriel`"])]
    #[case::list_missing(&format!("schools_file = \"none.csv\"\n{LEAST}"), &["navette.toml:1: schools_file: none.csv cannot be opened"])]
    #[case::list_in_another_encoding(&format!("schools_file = \"ansi.csv\"\n{LEAST}"), &["navette.toml:1: schools_file: ansi.csv is not UTF-8"])]
    #[case::list_with_faults(
        &format!("schools_file = \"faulty.csv\"\n{LEAST}"),
        &["faulty.csv:2: uai: the key letter", "faulty.csv:2: annee: a school year", "faulty.csv:2: fuseau: must be a zone", "faulty.csv:2: courriel: must be a mail", "faulty.csv:3: not a row of 5 columns", "faulty.csv:4: uai: 0380001V-2019 stands already at navette.toml:7"]
    )]
    #[case::no_credential("[teleservice]\nurl=\"https://t.example/\"\n[siecle]\npath=\"x\"\n[[school]]\nuai=\"0380001V\"\nyear=2019\n", &["navette.toml:1: teleservice.token_file: is missing: name a token"])]
    #[case::half_an_identity(&LEAST.replace("[siecle]", "client_key_file = \"k\"\n[siecle]"), &["navette.toml:1: teleservice.client_certificate_file: is missing beside"])]
    #[case::login_without_password(&format!("[mail]\ntransport=\"smtp\"\nhost=\"m.example\"\nfrom=\"a@b\"\nuser=\"x\"\n{LEAST}"), &["navette.toml:1: mail.password_file: is missing beside user"])]
    #[case::mail_in_the_clear(&format!("[mail]\ntransport=\"smtp\"\nhost=\"m.example\"\nfrom=\"a@b\"\ntls=\"none\"\n{LEAST}"), &["navette.toml:5: mail.tls: \"none\" only to loopback"])]
    #[case::path_template(&LEAST.replace("{uai}", "{UAI}"), &["navette.toml:4: siecle.path: only `{uai}`"])]
    #[case::transport(&LEAST.replace("[siecle]", "transport = \"ftp\"\n[siecle]"), &["navette.toml:3: teleservice.transport: must be \"http\" or \"directory\""])]
    fn a_fault_is_named(#[case] text: &str, #[case] expected: &[&str]) {
        check(text, expected);
    }

    #[test]
    fn an_identity_is_the_certificate_and_then_the_key() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("certificate.pem"), "CERTIFICATE\n").unwrap();
        fs::write(folder.path().join("key.pem"), "KEY").unwrap();
        let file = |name: &str| SecretFile::new("siecle.client", &format!("./{name}.pem"), folder.path());
        let identity = Identity { certificate: file("certificate"), key: file("key") };
        assert_eq!(identity.read_pem().unwrap().expose_secret(), "CERTIFICATE\nKEY\n");
        let without_key = Identity { certificate: file("certificate"), key: file("none") };
        assert!(without_key.read_pem().unwrap_err().to_string().contains("none.pem cannot be read"));
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_one_fault() {
        let faults = load(Path::new("/nowhere/navette.toml")).unwrap_err();
        let said: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert!(said.len() == 1 && said[0].starts_with("/nowhere/navette.toml: cannot be opened"), "{said:?}");
    }

    /// Whoever writes a secret where a file's name belongs must not find it again on a screen or in a log.
    #[test]
    fn no_fault_repeats_a_value() {
        const SECRET: &str = "Zq7-hush-hush";
        let mut keys = Vec::new();
        for key in keys::KEYS.iter().filter(|key| !key.section.is_empty() && key.section != keys::SCHOOL) {
            keys.push(format!("[{}]\n{} = \"{SECRET}\"\n", key.section, key.name));
            keys.push(format!("[{}]\n{} = [\"{SECRET}\"]\n", key.section, key.name));
            keys.push(format!("[{}]\n{} = \"{SECRET}\n", key.section, key.name));
            keys.push(format!("[{}]\n{} = {SECRET}\n", key.section, key.name));
        }
        for name in ["uai", "year", "zone", "mail"] {
            keys.push(format!("[[school]]\n{name} = \"{SECRET}\"\n"));
        }
        keys.push(format!("token = \"{SECRET}\"\n"));
        keys.push(format!("[store]\ndatabase = \"postgres://navette:{SECRET}@db/navette\"\n"));
        keys.push(format!("[teleservice]\nurl = \"https://navette:{SECRET}@host/\"\n"));
        for text in keys {
            let faults = load_text(&text).map(|_| ()).unwrap_err();
            assert!(!faults.join("\n").contains(SECRET), "{text}: {faults:?}");
        }
    }
}
