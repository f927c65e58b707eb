//! The schools: `[[school]]` tables, and for many a CSV `uai;annee;nom;fuseau;courriel`.

use crate::config::{
    read_text,
    reader::{Reader, Section, Spot},
    values::parse_mail,
};
use crate::domain::{
    school::{School, SchoolKey, SchoolYear, Uai},
    time::Zone,
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
};

/// All schools of France with ten years each are below.
const SCHOOLS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The header of the list, in this order.
const COLUMNS: [&str; 5] = ["uai", "annee", "nom", "fuseau", "courriel"];
/// The school years that `SchoolYear` takes, for the message.
const YEARS: std::ops::RangeInclusive<i64> = 2000..=2099;

/// Where a school was read.
struct Place {
    file: PathBuf,
    line: usize,
}

/// What has been read so far.
struct Found<'a> {
    reader: &'a Reader<'a>,
    schools: BTreeMap<SchoolKey, (School, Place)>,
}

/// All schools, by UAI and year.
pub(in crate::config) fn schools(reader: &Reader<'_>) -> Vec<School> {
    let mut found = Found { reader, schools: BTreeMap::new() };
    let tables = reader.schools();
    let list = reader.top().filled("schools_file");
    let none = tables.is_empty() && list.is_none();
    for table in tables {
        found.table(&table);
    }
    if let Some(list) = list {
        found.list(&list);
    }
    if none {
        reader.fault(1, "school", "no school: write a `[[school]]` table, or name a list in `schools_file`");
    }
    found.schools.into_values().map(|(school, _)| school).collect()
}

impl Found<'_> {
    fn table(&mut self, table: &Section<'_>) {
        if let Some(list) = table.filled("schools_file") {
            for name in ["uai", "year", "name", "zone", "mail"] {
                if table.has(name) {
                    table.fault(name, "a school that names `schools_file` has no other key");
                }
            }
            return self.list(&list);
        }
        let at = table.text("uai");
        let uai = at.as_ref().and_then(|spot| self.reader.read(spot, Uai::parse));
        let year = table.number::<u16>("year", YEARS).and_then(|year| SchoolYear::new(year).ok());
        let name = table.text("name");
        let zone = table.filled("zone").map(|spot| self.reader.read(&spot, parse_zone));
        let mail = table.filled("mail").map(|spot| self.reader.read(&spot, parse_mail));
        let (Some(at), Some(uai), Some(year), Some(name)) = (at, uai, year, name) else { return };
        let zone = zone.flatten().unwrap_or_else(|| uai.zone());
        self.add(school(SchoolKey { uai, year }, &name.text, zone, mail.flatten()), &at);
    }

    fn list(&mut self, spot: &Spot) {
        let file = self.reader.path(&spot.text);
        let text = match read_text(&file, SCHOOLS_BYTES_MAX) {
            Ok(text) => text,
            Err(message) => return self.reader.fault_at(spot, format!("{} {message}", file.display())),
        };
        let mut rows = csv::ReaderBuilder::new().delimiter(b';').from_reader(text.as_bytes());
        let header = rows.headers().cloned().unwrap_or_default();
        if header.iter().ne(COLUMNS) {
            let message = format!("the first line must be `{}`", COLUMNS.join(";"));
            return self.reader.fault_in(&file, 1, "", message);
        }
        for row in rows.records() {
            match row {
                Ok(row) => self.row(&file, &row),
                Err(fault) => {
                    let message = format!("not a row of {} columns", COLUMNS.len());
                    self.reader.fault_in(&file, line_of(fault.position()), "", message);
                }
            }
        }
    }

    fn row(&mut self, file: &Path, row: &csv::StringRecord) {
        let spot = |column: usize| Spot {
            file: file.to_owned(),
            line: line_of(row.position()),
            key: COLUMNS.get(column).copied().unwrap_or_default().to_owned(),
            text: row.get(column).unwrap_or_default().trim().to_owned(),
        };
        let filled = |column| Some(spot(column)).filter(|spot| !spot.text.is_empty());
        let uai = self.reader.read(&spot(0), Uai::parse);
        let year = self.reader.read(&spot(1), SchoolYear::parse);
        let zone = filled(3).map(|spot| self.reader.read(&spot, parse_zone));
        let mail = filled(4).map(|spot| self.reader.read(&spot, parse_mail));
        let (Some(uai), Some(year)) = (uai, year) else { return };
        let zone = zone.flatten().unwrap_or_else(|| uai.zone());
        self.add(school(SchoolKey { uai, year }, &spot(2).text, zone, mail.flatten()), &spot(0));
    }

    fn add(&mut self, school: School, at: &Spot) {
        match self.schools.entry(school.key) {
            Entry::Vacant(entry) => {
                entry.insert((school, Place { file: at.file.clone(), line: at.line }));
            }
            Entry::Occupied(entry) => {
                let (_, first) = entry.get();
                let message = format!("{} stands already at {}:{}", school.key, first.file.display(), first.line);
                self.reader.fault_at(at, message);
            }
        }
    }
}

/// A school with its UAI for a name where it has none.
fn school(key: SchoolKey, name: &str, zone: Zone, mail: Option<String>) -> School {
    let name = if name.trim().is_empty() { key.uai.to_string() } else { name.trim().to_owned() };
    School { key, name, zone, mail }
}

fn parse_zone(text: &str) -> Result<Zone, &'static str> {
    text.parse().map_err(|_| "must be a zone of the tz database such as \"Pacific/Marquesas\"")
}

fn line_of(position: Option<&csv::Position>) -> usize {
    position.map_or(1, |at| usize::try_from(at.line()).unwrap_or(usize::MAX))
}
