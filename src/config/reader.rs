//! Reads the text of navette.toml into values with their lines, and collects faults instead of stopping at the first.
//! It never repeats a value that stands in the file: it could be a secret that somebody put there by mistake.

use crate::config::{
    ConfigFault,
    keys::{Key, Preset, SCHOOL},
};
use std::{
    cell::RefCell,
    fmt::Display,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};
use toml::de::{DeTable, DeValue};

/// A text with the key and the line where it stands.
pub(in crate::config) struct Spot {
    pub(in crate::config) file: PathBuf,
    pub(in crate::config) key: String,
    pub(in crate::config) line: usize,
    pub(in crate::config) text: String,
}

/// The document while it is being read.
pub(in crate::config) struct Reader<'a> {
    file: &'a Path,
    folder: PathBuf,
    text: &'a str,
    root: DeTable<'a>,
    faults: RefCell<Vec<ConfigFault>>,
}

/// One table of the document: the top, a section, or one school.
pub(in crate::config) struct Section<'a> {
    line: usize,
    reader: &'a Reader<'a>,
    name: &'static str,
    table: Option<&'a DeTable<'a>>,
}

impl<'a> Reader<'a> {
    /// Reads `text`; syntax faults and unknown keys are collected at once.
    pub(in crate::config) fn new(file: &'a Path, text: &'a str) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let reader = Self { file, folder, text, root: root.into_inner(), faults: RefCell::default() };
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            reader.fault(reader.line_at(at), "", format!("not TOML: {}", error.message().replace('\n', ", ")));
        }
        reader.refuse_unknown();
        reader
    }

    /// The faults found, by line.
    pub(in crate::config) fn into_faults(self) -> Vec<ConfigFault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| (fault.file != self.file, fault.line));
        faults
    }

    /// A path as the file means it: relative ones start at the folder of the file.
    pub(in crate::config) fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }

    /// The folder of the file.
    pub(in crate::config) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Records a fault of this file.
    pub(in crate::config) fn fault(&self, line: usize, key: &str, message: impl Into<String>) {
        self.fault_in(self.file, line, key, message);
    }

    /// Records a fault of a file that this one names.
    pub(in crate::config) fn fault_in(&self, file: &Path, line: usize, key: &str, message: impl Into<String>) {
        let (file, key, message) = (file.to_owned(), key.to_owned(), message.into());
        self.faults.borrow_mut().push(ConfigFault { file, line, key, message });
    }

    /// Reads the text of a spot by `read`, whose errors may not repeat what they were given.
    pub(in crate::config) fn read<T, E: Display>(
        &self,
        spot: &Spot,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        read(&spot.text).map_err(|fault| self.fault_at(spot, fault.to_string())).ok()
    }

    /// Records a fault at a spot.
    pub(in crate::config) fn fault_at(&self, spot: &Spot, message: impl Into<String>) {
        self.fault_in(&spot.file, spot.line, &spot.key, message);
    }

    /// The top of the file.
    pub(in crate::config) fn top(&'a self) -> Section<'a> {
        Section { reader: self, name: "", line: 1, table: Some(&self.root) }
    }

    /// A section, there or not.
    pub(in crate::config) fn section(&'a self, name: &'static str) -> Section<'a> {
        let entry = self.root.get_key_value(name);
        let line = entry.map_or(1, |(key, _)| self.line_at(key.span().start));
        Section { reader: self, name, line, table: entry.and_then(|(_, value)| value.get_ref().as_table()) }
    }

    /// The `[[school]]` tables.
    pub(in crate::config) fn schools(&'a self) -> Vec<Section<'a>> {
        let tables = self.root.get(SCHOOL).and_then(|schools| schools.get_ref().as_array());
        let tables = tables.into_iter().flat_map(|array| array.iter());
        let section = |table: &'a toml::Spanned<DeValue<'a>>| Section {
            reader: self,
            name: SCHOOL,
            line: self.line_at(table.span().start),
            table: table.get_ref().as_table(),
        };
        tables.map(section).collect()
    }

    fn line_at(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn refuse_unknown(&self) {
        for (key, value) in &self.root {
            let (at, name) = (key.span().start, key.get_ref().as_ref());
            let message = match value.get_ref() {
                DeValue::Array(tables) if name == SCHOOL => {
                    let tables = tables.iter().filter_map(|table| table.get_ref().as_table());
                    tables.for_each(|table| self.refuse_unknown_in(table, SCHOOL));
                    if tables_only(value.get_ref()) {
                        continue;
                    }
                    "write each school as a `[[school]]` table"
                }
                _ if name == SCHOOL => "write each school as a `[[school]]` table",
                DeValue::Table(table) if Key::is_section(name) => {
                    self.refuse_unknown_in(table, name);
                    continue;
                }
                _ if Key::is_section(name) => "this is a section: write `[section]` and its keys beneath",
                _ if Key::find("", name).is_some() => continue,
                _ => "unknown key",
            };
            self.fault(self.line_at(at), name, message);
        }
    }

    fn refuse_unknown_in(&self, table: &DeTable<'_>, section: &str) {
        for key in table.keys().filter(|key| Key::find(section, key.get_ref()).is_none()) {
            self.fault(self.line_at(key.span().start), &format!("{section}.{}", key.get_ref()), "unknown key");
        }
    }
}

fn tables_only(value: &DeValue<'_>) -> bool {
    value.as_array().is_some_and(|array| array.iter().all(|item| item.get_ref().is_table()))
}

impl<'a> Section<'a> {
    /// The key's full name, as faults say it.
    pub(in crate::config) fn path(&self, name: &str) -> String {
        if self.name.is_empty() { name.to_owned() } else { format!("{}.{name}", self.name) }
    }

    /// Records a fault of this section as a whole, or of a key that it lacks.
    pub(in crate::config) fn fault(&self, name: &str, message: impl Into<String>) {
        self.reader.fault(self.line_of(name), &self.path(name), message);
    }

    /// Whether the file sets the key.
    pub(in crate::config) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The text of a key, or its default; nothing after a fault.
    pub(in crate::config) fn text(&self, name: &str) -> Option<Spot> {
        let text = match (self.value(name), self.preset(name)) {
            (Some(DeValue::String(text)), _) => text.to_string(),
            (Some(_), _) => return self.refuse(name, "must be a text in quotes"),
            (None, Preset::Text(text)) => text.to_owned(),
            (None, Preset::Required | Preset::Number(_) | Preset::Switch(_)) => {
                return self.refuse(name, "is missing");
            }
        };
        Some(Spot { file: self.reader.file.to_owned(), key: self.path(name), line: self.line_of(name), text })
    }

    /// The text of a key that is used only when it is not empty.
    pub(in crate::config) fn filled(&self, name: &str) -> Option<Spot> {
        self.text(name).filter(|spot| !spot.text.trim().is_empty())
    }

    /// The whole number of a key, or its default.
    pub(in crate::config) fn number<T: TryFrom<i64>>(&self, name: &str, range: RangeInclusive<i64>) -> Option<T> {
        let number = match (self.value(name), self.preset(name)) {
            (Some(DeValue::Integer(digits)), _) => i64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            (Some(_), _) => return self.refuse(name, "must be a whole number without quotes"),
            (None, Preset::Number(number)) => Some(number),
            (None, Preset::Required | Preset::Text(_) | Preset::Switch(_)) => return self.refuse(name, "is missing"),
        };
        let number = number.filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
        number.or_else(|| self.refuse(name, format!("must be from {} to {}", range.start(), range.end())))
    }

    /// The switch of a key, or its default.
    pub(in crate::config) fn switch(&self, name: &str) -> Option<bool> {
        match (self.value(name), self.preset(name)) {
            (Some(DeValue::Boolean(on)), _) => Some(*on),
            (Some(_), _) => self.refuse(name, "must be true or false, without quotes"),
            (None, Preset::Switch(on)) => Some(on),
            (None, Preset::Required | Preset::Text(_) | Preset::Number(_)) => self.refuse(name, "is missing"),
        }
    }

    /// One of a few words.
    pub(in crate::config) fn choice<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let spot = self.text(name)?;
        let found = words.iter().find(|(word, _)| *word == spot.text).map(|(_, value)| *value);
        found.or_else(|| {
            let known: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.refuse(name, format!("must be {}", known.join(" or ")))
        })
    }

    fn refuse<T>(&self, name: &str, message: impl Into<String>) -> Option<T> {
        self.fault(name, message);
        None
    }

    fn value(&self, name: &str) -> Option<&'a DeValue<'a>> {
        self.table.and_then(|table| table.get(name)).map(toml::Spanned::get_ref)
    }

    fn line_of(&self, name: &str) -> usize {
        let key = self.table.and_then(|table| table.get_key_value(name)).map(|(key, _)| key);
        key.map_or(self.line, |key| self.reader.line_at(key.span().start))
    }

    fn preset(&self, name: &str) -> Preset {
        Key::find(self.name, name).map_or(Preset::Required, |key| key.preset)
    }
}
