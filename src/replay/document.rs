//! A TOML document read with lines: every fault is kept, unknown keys among them, and said with its line.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// One fault of a scenario file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Where faults are kept while a document is read.
pub struct Faults<'t> {
    text: &'t str,
    found: RefCell<BTreeSet<Fault>>,
}

impl<'t> Faults<'t> {
    /// No fault yet.
    pub const fn new(text: &'t str) -> Self {
        Self { text, found: RefCell::new(BTreeSet::new()) }
    }

    /// Notes a fault at a byte of the text.
    pub fn at(&self, byte: usize, message: impl Into<String>) {
        let line = 1 + self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count();
        self.found.borrow_mut().insert(Fault { line, message: message.into() });
    }

    /// Every fault, by line.
    pub fn into_found(self) -> Vec<Fault> {
        self.found.into_inner().into_iter().collect()
    }
}

/// One table, whose keys are taken one by one; those left over are unknown.
pub struct Section<'d> {
    table: &'d DeTable<'d>,
    start: usize,
    what: String,
    taken: RefCell<BTreeSet<&'static str>>,
    faults: &'d Faults<'d>,
}

impl<'d> Section<'d> {
    /// A table that starts at byte `start`; `what` names it in faults.
    pub fn new(table: &'d DeTable<'d>, start: usize, what: impl Into<String>, faults: &'d Faults<'d>) -> Self {
        Self { table, start, what: what.into(), taken: RefCell::default(), faults }
    }

    /// Notes a fault of this table as a whole.
    pub fn fault(&self, message: impl fmt::Display) {
        self.faults.at(self.start, format!("{}: {message}", self.what));
    }

    /// Notes a fault of one key.
    pub fn fault_of(&self, key: &'static str, message: impl fmt::Display) {
        let at = self.table.get_key_value(key).map_or(self.start, |(key, _)| key.span().start);
        self.faults.at(at, format!("{}: `{key}` {message}", self.what));
    }

    fn take(&self, key: &'static str) -> Option<&'d DeValue<'d>> {
        self.taken.borrow_mut().insert(key);
        self.table.get(key).map(Spanned::get_ref)
    }

    /// Whether the key is there.
    pub fn has(&self, key: &'static str) -> bool {
        self.taken.borrow_mut().insert(key);
        self.table.contains_key(key)
    }

    /// A text, or a date or time written without quotes.
    pub fn text(&self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Datetime(time) => Some(time.to_string()),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => {
                self.fault_of(key, "must be a text");
                None
            }
        }
    }

    /// A text that must be there.
    pub fn needed(&self, key: &'static str) -> String {
        if !self.has(key) {
            self.fault(format!("`{key}` is missing"));
        }
        self.text(key).unwrap_or_default()
    }

    /// A text read by `read`.
    pub fn parsed<T, E: fmt::Display>(&self, key: &'static str, read: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text(key)?;
        read(&text).map_err(|fault| self.fault_of(key, format!("\"{text}\": {fault}"))).ok()
    }

    /// A truth value.
    pub fn truth(&self, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        if value.as_bool().is_none() {
            self.fault_of(key, "must be true or false");
        }
        value.as_bool()
    }

    /// A whole number.
    pub fn number(&self, key: &'static str) -> Option<i64> {
        let number = number_of(self.take(key)?);
        if number.is_none() {
            self.fault_of(key, "must be a whole number");
        }
        number
    }

    /// A list of texts.
    pub fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        let value = self.take(key)?;
        let texts = value.as_array().and_then(|list| {
            list.iter().map(|item| item.get_ref().as_str().map(ToOwned::to_owned)).collect::<Option<Vec<_>>>()
        });
        if texts.is_none() {
            self.fault_of(key, "must be a list of texts");
        }
        texts
    }

    /// A table whose keys are free, with values read by `read`; one that it does not read must be `wanted`.
    pub fn map<T>(
        &self,
        key: &'static str,
        wanted: &str,
        read: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        let Some(table) = self.take(key)?.as_table() else {
            self.fault_of(key, "must be a table");
            return None;
        };
        let mut map = BTreeMap::new();
        for (name, value) in table {
            match read(value.get_ref()) {
                Some(read) => _ = map.insert(name.get_ref().to_string(), read),
                None => self
                    .faults
                    .at(value.span().start, format!("{}: `{key}.{}` must be {wanted}", self.what, name.get_ref())),
            }
        }
        Some(map)
    }

    /// The tables of a list (`[[key]]`, or a list of inline tables).
    pub fn sections(&self, key: &'static str) -> Vec<Section<'d>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let Some(list) = value.as_array() else {
            self.fault_of(key, "must be a list of tables");
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (item, n) in list.iter().zip(1..) {
            match item.get_ref().as_table() {
                Some(table) => sections.push(Section::new(table, item.span().start, format!("{key} {n}"), self.faults)),
                None => self.faults.at(item.span().start, format!("{key} {n}: must be a table")),
            }
        }
        sections
    }

    /// A value as JSON, for raw events.
    pub fn json(&self, key: &'static str) -> Option<serde_json::Value> {
        self.take(key).map(json_of)
    }

    /// Notes every key that nobody took.
    pub fn finish(&self) {
        let taken = self.taken.borrow();
        for key in self.table.keys().filter(|key| !taken.contains(key.get_ref().as_ref())) {
            self.faults.at(key.span().start, format!("{}: unknown key `{}`", self.what, key.get_ref()));
        }
    }
}

/// A whole number in any of TOML's notations.
pub fn number_of(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

fn json_of(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(_) => number_of(value).map_or(serde_json::Value::Null, Into::into),
        DeValue::Float(float) => float.as_str().parse::<f64>().map_or(serde_json::Value::Null, Into::into),
        DeValue::Boolean(truth) => (*truth).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(list) => list.iter().map(|item| json_of(item.get_ref())).collect(),
        DeValue::Table(table) => serde_json::Value::Object(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), json_of(value.get_ref()))).collect(),
        ),
    }
}
