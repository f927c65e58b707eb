//! The calendar of one or many schools as a person writes it in a spreadsheet: `;`, one row a council, campaign by
//! campaign. It is no file of the exchange: LF and CR LF are taken, and blank lines passed over. A fault of one campaign
//! costs the others nothing.

use crate::codec::{
    Fault,
    csv::{self as exchange, charset_of},
    encoding::Source,
};
use crate::domain::{
    campaign::{CampaignKey, Phase},
    pupil::Division,
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::{CivilFault, TimeFault, Timestamp, Zone},
};
use csv::StringRecord;
use std::collections::{BTreeMap, btree_map::Entry};

/// The columns, in their order.
pub const COLUMNS: [&str; 10] =
    ["uai", "annee", "palier", "phase", "ouverture", "fermeture", "reouverture", "fin", "division", "conseil"];
/// A value that is not what its column holds.
pub const CODE_VALUE: &str = exchange::CODE_VALUE;
/// A school that this installation does not serve.
pub const CODE_SCHOOL: &str = "ETABLISSEMENT";
/// Two rows that say different things of one campaign, or one division twice.
pub const CODE_TWICE: &str = "DOUBLON";

const DIVISION: usize = 8;
const COUNCIL: usize = 9;
/// The instants of a campaign stand in these columns, in the order of [`Instant`].
const INSTANTS: [(usize, Instant); 4] =
    [(4, Instant::Opens), (5, Instant::Closes), (6, Instant::Reopens), (7, Instant::Ends)];

/// An instant of a campaign that every one of its rows may repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instant {
    /// `ouverture`.
    Opens,
    /// `fermeture`.
    Closes,
    /// `reouverture`.
    Reopens,
    /// `fin`.
    Ends,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowFault {
    /// It cannot be read.
    Shape(Fault),
    /// A civil time that names no single instant (`CIVIL_TIME`): the guard's to refuse.
    Civil {
        /// The row.
        row: u64,
        /// Why.
        fault: CivilFault,
    },
}

/// One campaign of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The campaign.
    pub key: CampaignKey,
    /// Its first row.
    pub row: u64,
    /// The instants that it names, each with the row that named it first.
    pub instants: BTreeMap<Instant, (Timestamp, u64)>,
    /// Its councils, each with its row.
    pub councils: BTreeMap<Division, (Timestamp, u64)>,
    /// What is wrong with its rows: with any, it must not be loaded.
    pub faults: Vec<RowFault>,
}

impl Planned {
    /// An instant of the campaign, where it is named.
    pub fn instant(&self, which: Instant) -> Option<Timestamp> {
        self.instants.get(&which).map(|(at, _)| *at)
    }
}

/// A file, read to its end.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CalendarFile {
    /// Campaigns, in the order of their first rows.
    pub campaigns: Vec<Planned>,
    /// Rows whose campaign cannot be told.
    pub faults: Vec<Fault>,
}

/// Reads a calendar. `zone` answers the zone of a school that is served.
///
/// # Errors
/// When the file as a whole is no calendar: its encoding, its size, its header.
pub fn read(bytes: &[u8], zone: &dyn Fn(SchoolKey) -> Option<Zone>) -> Result<CalendarFile, Fault> {
    let text = Source::of_csv(bytes, charset_of(bytes)?)?.into_text()?;
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let header = lines.next().ok_or_else(|| Fault::new(0, exchange::CODE_EMPTY, "the file is empty"))?;
    if record(header.1).is_none_or(|found| found.iter().map(str::trim).ne(COLUMNS)) {
        let message = format!("the first line must be `{}`", COLUMNS.join(";"));
        return Err(Fault::new(header.0, exchange::CODE_HEADER, message));
    }
    let mut builder = Builder { zone, order: Vec::new(), campaigns: BTreeMap::new(), faults: Vec::new() };
    for (row, line) in lines {
        builder.row(row, line);
    }
    if builder.order.is_empty() && builder.faults.is_empty() {
        return Err(Fault::new(1, exchange::CODE_EMPTY, "a header alone: add one row a council"));
    }
    Ok(builder.finish())
}

/// One line as a row: no field of a calendar goes over two.
fn record(line: &str) -> Option<StringRecord> {
    let quotes = line.bytes().filter(|byte| *byte == b'"').count();
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(b';').has_headers(HEADER_BY_OURSELVES);
    let mut reader = builder.from_reader(line.as_bytes());
    let mut record = StringRecord::new();
    let read = reader.read_record(&mut record).unwrap_or_default();
    (read && quotes % 2 == 0).then_some(record)
}

/// `ReaderBuilder::has_headers`.
const HEADER_BY_OURSELVES: bool = false;

struct Builder<'a> {
    zone: &'a dyn Fn(SchoolKey) -> Option<Zone>,
    order: Vec<CampaignKey>,
    campaigns: BTreeMap<CampaignKey, Planned>,
    faults: Vec<Fault>,
}

impl Builder<'_> {
    fn row(&mut self, row: u64, line: &str) {
        let Some(record) = record(line).filter(|record| record.len() == COLUMNS.len()) else {
            let message = format!("not a row of {} columns separated by `;`", COLUMNS.len());
            return self.faults.push(Fault::new(row, exchange::CODE_CSV, message));
        };
        // A spreadsheet writes what was once a row as separators alone.
        if record.iter().all(|field| field.trim().is_empty()) {
            return;
        }
        match campaign_of(row, &record) {
            Ok(key) => self.of_campaign(row, &record, key),
            Err(faults) => self.faults.extend(faults),
        }
    }

    fn of_campaign(&mut self, row: u64, record: &StringRecord, key: CampaignKey) {
        let zone = (self.zone)(key.school);
        let planned = match self.campaigns.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.order.push(key);
                let (instants, councils) = (BTreeMap::new(), BTreeMap::new());
                let mut planned = Planned { key, row, instants, councils, faults: Vec::new() };
                if zone.is_none() {
                    let message =
                        format!("{} is not in the configuration: add it there, or correct the row", key.school);
                    planned.faults.push(RowFault::Shape(Fault::new(row, CODE_SCHOOL, message)));
                }
                entry.insert(planned)
            }
        };
        let zone = zone.unwrap_or_else(|| key.school.uai.zone());
        for (column, which) in INSTANTS {
            if let Some(at) = instant(row, record, column, zone, &mut planned.faults) {
                let (first, first_row) = *planned.instants.entry(which).or_insert((at, row));
                if first != at {
                    let name = COLUMNS.get(column).copied().unwrap_or_default();
                    let message =
                        format!("`{name}` is not that of row {first_row} of the same campaign: give one of them");
                    planned.faults.push(RowFault::Shape(Fault::new(row, CODE_TWICE, message)));
                }
            }
        }
        council(row, record, zone, planned);
    }

    fn finish(mut self) -> CalendarFile {
        let campaigns = self.order.iter().filter_map(|key| self.campaigns.remove(key)).collect();
        CalendarFile { campaigns, faults: self.faults }
    }
}

fn field(record: &StringRecord, column: usize) -> &str {
    record.get(column).unwrap_or_default().trim()
}

fn wrong(row: u64, column: usize, what: &str) -> Fault {
    let name = COLUMNS.get(column).copied().unwrap_or_default();
    Fault::new(row, CODE_VALUE, format!("`{name}`: {what}"))
}

fn campaign_of(row: u64, record: &StringRecord) -> Result<CampaignKey, Vec<Fault>> {
    let uai = Uai::parse(field(record, 0)).map_err(|fault| wrong(row, 0, &fault.to_string()));
    let year = SchoolYear::parse(field(record, 1)).map_err(|fault| wrong(row, 1, &fault.to_string()));
    let level = Level::of_code(&field(record, 2).to_ascii_uppercase()).ok_or_else(|| wrong(row, 2, "3E or 2GT"));
    let phase = Phase::of_code(&field(record, 3).to_ascii_uppercase());
    let phase = phase.ok_or_else(|| wrong(row, 3, "PROVISOIRE or DEFINITIVE"));
    match (uai, year, level, phase) {
        (Ok(uai), Ok(year), Ok(level), Ok(phase)) => Ok(CampaignKey { school: SchoolKey { uai, year }, level, phase }),
        (uai, year, level, phase) => {
            Err([uai.err(), year.err(), level.err(), phase.err()].into_iter().flatten().collect())
        }
    }
}

fn instant(
    row: u64,
    record: &StringRecord,
    column: usize,
    zone: Zone,
    faults: &mut Vec<RowFault>,
) -> Option<Timestamp> {
    let text = field(record, column);
    if text.is_empty() {
        return None;
    }
    match Timestamp::parse_in(text, zone) {
        Ok(at) => Some(at),
        Err(TimeFault::Civil(fault)) => {
            faults.push(RowFault::Civil { row, fault });
            None
        }
        Err(TimeFault::NotAnInstant | TimeFault::NotADate | TimeFault::NotACivilTime) => {
            let what = "not a date and time such as 2020-05-28T16:15:00 (a spreadsheet may have changed it)";
            faults.push(RowFault::Shape(wrong(row, column, what)));
            None
        }
    }
}

fn council(row: u64, record: &StringRecord, zone: Zone, planned: &mut Planned) {
    let at = instant(row, record, COUNCIL, zone, &mut planned.faults);
    let text = field(record, DIVISION);
    match (text.is_empty(), field(record, COUNCIL).is_empty()) {
        // A row that only gives instants.
        (true, true) => return,
        (true, false) => return planned.faults.push(RowFault::Shape(wrong(row, DIVISION, "is missing"))),
        (false, true) => return planned.faults.push(RowFault::Shape(wrong(row, COUNCIL, "is missing"))),
        (false, false) => (),
    }
    let division = match Division::parse(text) {
        Ok(division) => division,
        Err(fault) => return planned.faults.push(RowFault::Shape(wrong(row, DIVISION, &fault.to_string()))),
    };
    let Some(at) = at else { return };
    if let Some((_, first_row)) = planned.councils.get(&division) {
        let message = format!("a council of this division stands already in row {first_row}: keep one of them");
        return planned.faults.push(RowFault::Shape(Fault::new(row, CODE_TWICE, message)));
    }
    planned.councils.insert(division, (at, row));
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const HEAD: &str = "uai;annee;palier;phase;ouverture;fermeture;reouverture;fin;division;conseil\n";
    const OWN: &str = "0380001V;2026;3E;DEFINITIVE;";

    fn served(school: SchoolKey) -> Option<Zone> {
        (school.year.get() == 2026).then(|| school.uai.zone())
    }

    fn read_rows(rows: &str) -> CalendarFile {
        read(format!("{HEAD}{rows}").as_bytes(), &served).unwrap()
    }

    /// Every fault, as `row:code`.
    fn faults(rows: &str) -> Vec<String> {
        let file = read_rows(rows);
        let own = file.campaigns.iter().flat_map(|campaign| &campaign.faults).map(|fault| match fault {
            RowFault::Shape(fault) => format!("{}:{}", fault.row, fault.code),
            RowFault::Civil { row, .. } => format!("{row}:CIVIL_TIME"),
        });
        file.faults.iter().map(|fault| format!("{}:{}", fault.row, fault.code)).chain(own).collect()
    }

    #[test]
    fn rows_become_campaigns_and_times_are_those_of_the_school() {
        let rows = "0380001V;2026;3E;DEFINITIVE;2027-05-03T08:00;2027-05-24 18:00;;;3 A;2027-05-28T16:15:00\r\n\
                    \r\n\
                    0380001v;2026;3e;definitive;;;;;3 B;2027-05-28T17:30:00\r\n\
                    ;;;;;;;;;\r\n\
                    9840396H;2026;3E;PROVISOIRE;2027-02-01T08:00:00-09:30;;;;;\r\n";
        let file = read_rows(rows);
        assert_eq!((file.campaigns.len(), faults(rows)), (2, Vec::new()));
        let first = &file.campaigns[0];
        assert_eq!(first.instant(Instant::Closes).unwrap().rfc3339_utc(), "2027-05-24T16:00:00Z");
        assert_eq!(first.councils.values().map(|(_, row)| *row).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(file.campaigns[1].instant(Instant::Opens).unwrap().rfc3339_utc(), "2027-02-01T17:30:00Z");
    }

    #[rstest]
    #[case::columns("0380001V;2026\n", &["2:CSV"])]
    #[case::open_quote("\"0380001V;2026;3E;DEFINITIVE;;;;;3 A;\n", &["2:CSV"])]
    #[case::four_wrong("0380001A;26;4E;FINALE;;;;;;\n", &["2:VALEUR", "2:VALEUR", "2:VALEUR", "2:VALEUR"])]
    #[case::other_year("0380001V;2025;3E;DEFINITIVE;;;;;3 A;2026-05-28T16:15\n", &["2:ETABLISSEMENT"])]
    #[case::gap(&format!("{OWN};2027-03-28T02:30;;;3 A;2027-05-28T16:15\n"), &["2:CIVIL_TIME"])]
    #[case::fold(&format!("{OWN};;;;3 A;2026-10-25T02:30\n"), &["2:CIVIL_TIME"])]
    #[case::fold_with_offset(&format!("{OWN};;;;3 A;2026-10-25T02:30:00+01:00\n"), &[])]
    #[case::french_date(&format!("{OWN}03/05/2027 08:00;;;;3 A;2027-05-28T16:15\n"), &["2:VALEUR"])]
    #[case::no_council(&format!("{OWN};;;;3 A;\n"), &["2:VALEUR"])]
    #[case::no_division(&format!("{OWN};;;;;2027-05-28T16:15\n"), &["2:VALEUR"])]
    #[case::division(&format!("{OWN};;;;troisieme;2027-05-28T16:15\n"), &["2:VALEUR"])]
    #[case::division_twice(
        &format!("{OWN};;;;3 A;2027-05-28T16:15\n{OWN};;;;3 A;2027-05-28T17:15\n"), &["3:DOUBLON"]
    )]
    #[case::two_closings(
        &format!("{OWN};2027-05-24T18:00;;;3 A;2027-05-28T16:15\n\n{OWN};2027-05-25T18:00;;;3 B;2027-05-28T17:15\n"),
        &["4:DOUBLON"]
    )]
    fn every_fault_has_its_row(#[case] rows: &str, #[case] expected: &[&str]) {
        assert_eq!(faults(rows), expected);
    }

    #[test]
    fn the_faults_of_one_campaign_are_not_those_of_another() {
        let rows = format!("{OWN};;;;3 A;soon\n9840396H;2026;3E;DEFINITIVE;;;;;3 A;2027-05-28T16:15\n");
        let file = read_rows(&rows);
        assert_eq!(file.campaigns.iter().map(|campaign| campaign.faults.len()).collect::<Vec<_>>(), [1, 0]);
    }

    #[rstest]
    #[case::empty("", "VIDE")]
    #[case::header_alone(HEAD, "VIDE")]
    #[case::no_header("0380001V;2026;3E;DEFINITIVE;;;;;3 A;2027-05-28T16:15\n", "ENTETE")]
    fn a_file_that_is_no_calendar(#[case] text: &str, #[case] code: &str) {
        assert_eq!(read(text.as_bytes(), &served).unwrap_err().code, code);
    }
}
