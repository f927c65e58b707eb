//! The code's list of keys, the annotated file and the table of its README say the same.

use navette::config::{
    self,
    keys::{KEYS, Key, Preset},
};
use std::{collections::BTreeMap, fs, path::Path};

/// A key of the annotated file.
struct Written {
    value: String,
    /// Not the default: marked as an example, or commented out.
    example: bool,
}

#[test]
fn the_annotated_file_loads() {
    let options = config::load(Path::new("config/navette.toml")).unwrap();
    assert_eq!(options.schools.len(), 1);
}

#[test]
fn the_annotated_file_holds_every_key_with_its_default() {
    let written = annotated();
    let mut faults = Vec::new();
    for key in KEYS {
        match written.get(&key.path()) {
            None => faults.push(format!("{} is missing", key.path())),
            Some(found) if !found.example && found.value != default_of(key) => {
                faults.push(format!("{} is {}, its default {}", key.path(), found.value, default_of(key)));
            }
            Some(_) => (),
        }
    }
    let unknown = written.keys().filter(|path| !KEYS.iter().any(|key| key.path() == **path));
    faults.extend(unknown.map(|path| format!("{path} is no key")));
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_table_holds_every_key_with_its_default() {
    let text = fs::read_to_string("config/README.md").unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let table: Vec<(String, String)> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
            assert!(cells.len() == 5 && !cells[3].is_empty(), "{row}");
            (cells[1].clone(), cells[2].clone())
        })
        .collect();
    let code: Vec<(String, String)> = KEYS.iter().map(|key| (key.path(), default_of(key))).collect();
    assert_eq!(table, code);
}

fn default_of(key: &Key) -> String {
    match key.preset {
        Preset::Required => "required".to_owned(),
        Preset::Text(text) => format!("{text:?}"),
        Preset::Number(number) => number.to_string(),
        Preset::Switch(on) => on.to_string(),
    }
}

/// Every `key = value` line, commented out or not, by its full name.
fn annotated() -> BTreeMap<String, Written> {
    let text = fs::read_to_string("config/navette.toml").unwrap();
    let mut section = String::new();
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let bare = line.trim_start_matches("# ");
        if let Some(name) = bare.strip_prefix("[").and_then(|rest| rest.trim_end().strip_suffix("]")) {
            section = name.trim_matches(['[', ']']).to_owned();
        }
        let Some((name, value)) = bare.split_once(" = ") else { continue };
        if !name.chars().all(|sign| sign.is_ascii_lowercase() || sign == '_') {
            continue;
        }
        let path = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
        let (value, comment) = value.split_once(" #").unwrap_or((value, ""));
        let example = comment.trim() == "example";
        found.insert(path, Written { value: value.trim().to_owned(), example });
    }
    found
}
