//! Every key of navette.toml with what holds when it is left out. This list is the only one: the reader takes its
//! defaults here and refuses what does not stand here; a test compares `config/navette.toml` and `config/README.md`.

/// What holds when a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Nothing: the key must be there.
    Required,
    /// This text; the empty one means "not used".
    Text(&'static str),
    /// This number.
    Number(i64),
    /// This switch.
    Switch(bool),
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Section, empty at the top of the file.
    pub section: &'static str,
    /// Name within the section.
    pub name: &'static str,
    /// What holds when it is left out.
    pub preset: Preset,
}

/// The section of the schools, of which there are many.
pub const SCHOOL: &str = "school";

/// Every key, in the order of the annotated file.
pub const KEYS: &[Key] = &[
    text("", "schools_file", ""),
    text("store", "database", "sqlite:/var/lib/navette/navette.db"),
    text("store", "password_file", ""),
    text("store", "files", "/var/lib/navette/files"),
    number("store", "keep_files_days", 30),
    text("night", "slot", "03:15"),
    number("night", "schools_at_once", 8),
    text("night", "receipt_wait", "60s"),
    text("night", "heartbeat", "30s"),
    switch("guard", "enforce", Preset::Switch(true)),
    switch("guard", "overrides", Preset::Switch(false)),
    number("thresholds", "vanish_percent", 20),
    number("thresholds", "vanish_floor", 5),
    text("teleservice", "transport", "http"),
    text("teleservice", "url", ""),
    text("teleservice", "path", ""),
    text("teleservice", "token_file", ""),
    text("teleservice", "client_certificate_file", ""),
    text("teleservice", "client_key_file", ""),
    text("teleservice", "roots_file", ""),
    text("siecle", "transport", "directory"),
    text("siecle", "url", ""),
    text("siecle", "path", ""),
    text("siecle", "token_file", ""),
    text("siecle", "client_certificate_file", ""),
    text("siecle", "client_key_file", ""),
    text("siecle", "roots_file", ""),
    text("siecle", "format", "xml"),
    text("siecle", "encoding", "utf-8"),
    text("siecle", "nomenclature", ""),
    text("mail", "transport", "off"),
    text("mail", "from", ""),
    text("mail", "host", ""),
    number("mail", "port", 587),
    text("mail", "tls", "starttls"),
    text("mail", "user", ""),
    text("mail", "password_file", ""),
    text("mail", "path", ""),
    text("status", "listen", "127.0.0.1:8377"),
    text("status", "password_file", ""),
    text("health", "ping_url", ""),
    text("health", "metrics_file", ""),
    text("log", "format", "text"),
    text("log", "pupil_key_file", ""),
    Key { section: SCHOOL, name: "uai", preset: Preset::Required },
    Key { section: SCHOOL, name: "year", preset: Preset::Required },
    text(SCHOOL, "name", ""),
    text(SCHOOL, "zone", ""),
    text(SCHOOL, "mail", ""),
    text(SCHOOL, "schools_file", ""),
];

impl Key {
    /// The key of a section and a name.
    pub fn find(section: &str, name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.section == section && key.name == name)
    }

    /// Whether `section` is one, `school` among them.
    pub fn is_section(section: &str) -> bool {
        !section.is_empty() && KEYS.iter().any(|key| key.section == section)
    }

    /// The key as faults and the table name it: `store.database`.
    pub fn path(&self) -> String {
        if self.section.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.section, self.name) }
    }
}

const fn text(section: &'static str, name: &'static str, preset: &'static str) -> Key {
    Key { section, name, preset: Preset::Text(preset) }
}

const fn number(section: &'static str, name: &'static str, preset: i64) -> Key {
    Key { section, name, preset: Preset::Number(preset) }
}

const fn switch(section: &'static str, name: &'static str, preset: Preset) -> Key {
    Key { section, name, preset }
}
