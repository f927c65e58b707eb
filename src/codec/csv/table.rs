//! What both documents share: rows under a known header, fields by column, the envelope that every row repeats.

use crate::codec::{
    Fault, WriteFault,
    csv::{
        CODE_CSV, CODE_EMPTY, CODE_ENVELOPE, CODE_HEADER, CODE_VALUE,
        strict::{SEPARATOR, Strict},
    },
    encoding::{CONTROL, Charset, Source, latin9_byte, unreadable},
    envelope::{A_CONTROL, has_control, one_spaced},
    formula::{guard, unguard},
};
use crate::domain::{
    campaign::{CampaignKey, Phase},
    lot::{Encoding, NUMBER_MAX},
    pupil::{Division, Ine, PupilId},
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::{Date, Timestamp, Zone, parse_date},
};
use csv::{ErrorKind, QuoteStyle, StringRecord, Terminator};
use std::{
    borrow::Cow,
    io::{self, BufRead, Write},
    ops::Range,
};

// The columns of the envelope, first in both documents.
const UAI: usize = 0;
const YEAR: usize = 1;
const LEVEL: usize = 2;
const PHASE: usize = 3;
const NUMBER: usize = 4;
const STAMPED_AT: usize = 5;
const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The envelope of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Campaign.
    pub key: CampaignKey,
    /// `num_envoi`.
    pub number: u32,
    /// `horodatage`.
    pub stamped_at: Timestamp,
}

/// The rows of a file, one at a time.
pub struct Rows<R> {
    reader: csv::Reader<Strict<R>>,
    columns: &'static [&'static str],
    record: StringRecord,
    first: Option<Vec<String>>,
    rank: u32,
    line: u64,
    next_line: u64,
}

impl<R: BufRead> Rows<R> {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// `ENTETE` for another header, `VIDE` for none, and whatever makes it no CSV.
    pub fn open(input: R, charset: Charset, columns: &'static [&'static str]) -> Result<Self, Fault> {
        let strict = Strict::new(Source::of_rows(input, charset)?);
        let mut builder = csv::ReaderBuilder::new();
        builder.delimiter(SEPARATOR).has_headers(HEADER_BY_OURSELVES);
        let mut rows = Self {
            reader: builder.from_reader(strict),
            columns,
            record: StringRecord::new(),
            first: None,
            rank: 0,
            line: 1,
            next_line: 1,
        };
        if !rows.read()? {
            return Err(Fault::new(
                0,
                CODE_EMPTY,
                "the file is empty: that never means that all is gone; ask for it again",
            ));
        }
        header_fault(&rows.record, columns).map_or(Ok(rows), Err)
    }

    /// The next row; none at the end.
    ///
    /// # Errors
    /// Whatever makes the file no CSV.
    pub fn next(&mut self) -> Result<Option<Row<'_>>, Fault> {
        if !self.read()? {
            return Ok(None);
        }
        self.rank = self.rank.saturating_add(1);
        if self.first.is_none() {
            self.first = Some(self.record.iter().map(str::to_owned).collect());
        }
        let first = self.first.as_deref().unwrap_or_default();
        Ok(Some(Row { record: &self.record, columns: self.columns, first, line: self.line, rank: self.rank }))
    }

    /// The csv crate's own line numbers lag behind by the LF of CR LF, so that lines are counted here.
    fn read(&mut self) -> Result<bool, Fault> {
        self.line = self.next_line;
        let read = self.reader.read_record(&mut self.record).map_err(|error| match self.reader.get_ref().fault() {
            Some(fault) => fault.clone(),
            None => no_record(error, self.line, self.columns.len()),
        })?;
        let inside = self.record.as_slice().bytes().filter(|byte| *byte == b'\n').count();
        self.next_line += 1 + inside as u64;
        Ok(read)
    }
}

/// The fault of a file without rows.
pub fn header_alone() -> Fault {
    Fault::new(1, CODE_EMPTY, "a header alone: that never means that all is gone; ask for the file again")
}

/// `ReaderBuilder::has_headers`.
const HEADER_BY_OURSELVES: bool = false;

fn no_record(error: csv::Error, row: u64, expected: usize) -> Fault {
    match error.into_kind() {
        ErrorKind::UnequalLengths { len, .. } => {
            let message =
                format!("{len} fields, {expected} expected: a separator is missing or too many; export the file again");
            Fault::new(row, CODE_CSV, message)
        }
        ErrorKind::Io(error) => unreadable(error),
        _ => Fault::new(row, CODE_CSV, "not a row of a CSV: export the file again"),
    }
}

/// Column names that are wrong are not repeated: where the header is missing they are a pupil's.
fn header_fault(header: &StringRecord, columns: &[&str]) -> Option<Fault> {
    if header.iter().eq(columns.iter().copied()) {
        return None;
    }
    let doubled = columns.iter().find(|column| 1 < header.iter().filter(|found| found == *column).count());
    let differs = columns.iter().enumerate().find(|(at, column)| header.get(*at) != Some(**column));
    let message = match (doubled, differs) {
        (Some(column), _) => format!("the header has `{column}` twice: restore it"),
        (None, Some((at, column))) => format!("the header should have `{column}` as column {}: restore it", at + 1),
        (None, None) => format!("the header has more than its {} columns: remove the others", columns.len()),
    };
    Some(Fault::new(1, CODE_HEADER, message))
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    record: &'a StringRecord,
    columns: &'static [&'static str],
    first: &'a [String],
    line: u64,
    /// Its rank in the file, from 1 without the header.
    pub rank: u32,
}

impl<'a> Row<'a> {
    /// The field of a column, as it stands.
    pub fn get(&self, column: usize) -> &'a str {
        self.record.get(column).unwrap_or_default()
    }

    /// The line on which it begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// A fault of this row.
    pub fn fault(&self, code: &'static str, message: impl Into<String>) -> Fault {
        Fault::new(self.line(), code, message)
    }

    /// The fault of a field that is not what its column holds.
    pub fn wrong(&self, column: usize, what: &str) -> Fault {
        self.wrong_as(CODE_VALUE, column, what)
    }

    /// The fault of a field that breaks a rule which has a code.
    pub fn wrong_as(&self, code: &'static str, column: usize, what: &str) -> Fault {
        let column = self.columns.get(column).copied().unwrap_or_default();
        self.fault(code, format!("`{column}`: {what}; correct it where the file was made, and export it again"))
    }

    /// A field that must not be empty where `read` is what it holds.
    pub fn value<T>(&self, column: usize, what: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Result<T, Fault> {
        read(self.get(column)).ok_or_else(|| self.wrong(column, what))
    }

    /// A field that may be empty.
    pub fn maybe<T>(
        &self,
        column: usize,
        what: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        if self.get(column).is_empty() { Ok(None) } else { self.value(column, what, read).map(Some) }
    }

    /// A text field, without the apostrophe that guards it, in single spaces, whatever characters it has.
    pub fn raw_text(&self, column: usize) -> Cow<'a, str> {
        one_spaced(unguard(self.get(column)))
    }

    /// A text field without control characters.
    pub fn text(&self, column: usize) -> Result<Cow<'a, str>, Fault> {
        let text = self.raw_text(column);
        if has_control(&text) { Err(self.wrong_as(CONTROL, column, A_CONTROL)) } else { Ok(text) }
    }

    /// A whole number from 1.
    pub fn number(&self, column: usize) -> Result<u32, Fault> {
        self.value(column, A_NUMBER, counted)
    }

    /// A whole number from 1 that may be missing.
    pub fn maybe_number(&self, column: usize) -> Result<Option<u32>, Fault> {
        self.maybe(column, A_NUMBER, counted)
    }

    /// An instant.
    pub fn instant(&self, column: usize) -> Result<Timestamp, Fault> {
        self.value(column, AN_INSTANT, instant)
    }

    /// An instant that may be missing.
    pub fn maybe_instant(&self, column: usize) -> Result<Option<Timestamp>, Fault> {
        self.maybe(column, AN_INSTANT, instant)
    }

    /// A date.
    pub fn date(&self, column: usize) -> Result<Date, Fault> {
        self.value(column, A_DATE, |text| {
            let marks = text.match_indices('-').map(|(at, _)| at);
            marks.eq(A_DATE_MARKS).then(|| parse_date(text).ok()).flatten()
        })
    }

    /// An identifier.
    pub fn id(&self, column: usize) -> Result<i64, Fault> {
        self.value(column, AN_ID, |text| whole(text).filter(|_| text.len() <= ID_DIGITS_MAX))
    }

    /// A pupil.
    pub fn pupil(&self, column: usize) -> Result<PupilId, Fault> {
        self.id(column).map(PupilId)
    }

    /// An INE, where there is one.
    pub fn ine(&self, column: usize) -> Result<Option<Ine>, Fault> {
        self.maybe(column, "not an INE", |text| Ine::parse(text).ok())
    }

    /// A division; spaces inside it count.
    pub fn division(&self, column: usize) -> Result<Division, Fault> {
        Division::parse(unguard(self.get(column))).map_err(|fault| self.wrong(column, &fault.to_string()))
    }

    /// `O` or `N`; none when empty.
    pub fn yes_no(&self, column: usize) -> Result<Option<bool>, Fault> {
        self.maybe(column, "neither O nor N", |text| match text {
            YES => Some(true),
            NO => Some(false),
            _ => None,
        })
    }

    /// The school that this row names.
    pub fn uai(&self) -> Result<Uai, Fault> {
        self.value(UAI, "not a UAI", |text| Uai::parse(text).ok())
    }

    /// Whether this row names the school of the first row, letter by letter.
    pub fn same_school(&self) -> bool {
        self.first.get(UAI).is_some_and(|first| first == self.get(UAI))
    }

    /// That fields are empty.
    ///
    /// # Errors
    /// The fault of the first that is not, for the reason `why`.
    pub fn all_empty(&self, mut columns: Range<usize>, why: &str) -> Result<(), Fault> {
        let filled = columns.find(|column| !self.get(*column).is_empty());
        filled.map_or(Ok(()), |column| Err(self.wrong(column, why)))
    }

    /// The envelope that this row repeats.
    pub fn envelope(&self) -> Result<Envelope, Fault> {
        let number = self.number(NUMBER)?;
        if NUMBER_MAX < number {
            return Err(self.wrong(NUMBER, "not a number from 1 to 99999"));
        }
        let year = self.value(YEAR, "not a school year", |text| SchoolYear::parse(text).ok())?;
        let level = self.value(LEVEL, "neither 3E nor 2GT", Level::of_code)?;
        let phase = self.value(PHASE, "neither PROVISOIRE nor DEFINITIVE", Phase::of_code)?;
        let key = CampaignKey { school: SchoolKey { uai: self.uai()?, year }, level, phase };
        Ok(Envelope { key, number, stamped_at: self.instant(STAMPED_AT)? })
    }

    /// That this row repeats the first row's fields in `columns`.
    ///
    /// # Errors
    /// `ENVELOPPE` for the first that differs.
    pub fn same_as_first(&self, mut columns: Range<usize>) -> Result<(), Fault> {
        let differs = columns.find(|column| self.first.get(*column).is_none_or(|first| first != self.get(*column)));
        differs.map_or(Ok(()), |column| {
            let column = self.columns.get(column).copied().unwrap_or_default();
            let message =
                format!("`{column}` is not that of the first row: one file, one envelope; ask for the file again");
            Err(self.fault(CODE_ENVELOPE, message))
        })
    }
}

/// `O`.
pub const YES: &str = "O";
/// `N`.
pub const NO: &str = "N";
const A_NUMBER: &str = "not a whole number from 1, in digits alone";
const AN_ID: &str = "not a whole number of at most 18 digits";
/// Identifiers have at most this many digits, so that they fit 64 bits, as in XML.
const ID_DIGITS_MAX: usize = 18;
const A_DATE: &str = "not a date such as 2020-05-28 (a spreadsheet may have changed it)";
const A_DATE_MARKS: [usize; 2] = [4, 7];
const AN_INSTANT: &str = "not an instant such as 2020-05-26T03:15:00+02:00 (a spreadsheet may have changed it)";

/// A whole number in digits, without sign or leading zeros.
fn whole(text: &str) -> Option<i64> {
    let shortest = text == "0" || !text.starts_with('0');
    let digits = shortest && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn counted(text: &str) -> Option<u32> {
    whole(text).filter(|number| 0 < *number).and_then(|number| number.try_into().ok())
}

/// As in XML, which knows no other minus sign than ASCII's.
fn instant(text: &str) -> Option<Timestamp> {
    if text.is_ascii() { Timestamp::parse(text).ok() } else { None }
}

/// Writes rows in one encoding.
pub struct Table<W: Write> {
    out: csv::Writer<W>,
    encoding: Encoding,
    bytes: Vec<u8>,
    row: u64,
}

impl<W: Write> Table<W> {
    /// Begins a file with its header, marked as UTF-8 where it is that.
    ///
    /// # Errors
    /// `Output` when the machine fails.
    pub fn begin(mut out: W, encoding: Encoding, columns: &[&str]) -> Result<Self, WriteFault> {
        match encoding {
            Encoding::Utf8 => out.write_all(UTF8_MARK).map_err(|error| WriteFault::Output(error.kind()))?,
            Encoding::Latin9 => (),
        }
        let mut builder = csv::WriterBuilder::new();
        builder.delimiter(SEPARATOR).terminator(Terminator::CRLF).quote_style(QuoteStyle::Necessary);
        let mut table = Self { out: builder.from_writer(out), encoding, bytes: Vec::new(), row: 0 };
        for column in columns {
            table.code(column)?;
        }
        table.end_row()?;
        Ok(table)
    }

    /// A field of plain ASCII: a code, a number, an instant.
    pub fn code(&mut self, field: &str) -> Result<(), WriteFault> {
        self.out.write_field(field).map_err(output)
    }

    /// Several fields of plain ASCII.
    pub fn codes<'f>(&mut self, fields: impl IntoIterator<Item = &'f str>) -> Result<(), WriteFault> {
        fields.into_iter().try_for_each(|field| self.code(field))
    }

    /// A number.
    pub fn number(&mut self, number: i64) -> Result<(), WriteFault> {
        self.code(&number.to_string())
    }

    /// An instant, with the offset of `zone`.
    pub fn instant(&mut self, at: Timestamp, zone: Zone) -> Result<(), WriteFault> {
        self.code(&at.rfc3339_in(zone))
    }

    /// A field of text, in single spaces.
    ///
    /// # Errors
    /// `Encoding` with the row when the encoding lacks one of its characters.
    pub fn text(&mut self, text: &str) -> Result<(), WriteFault> {
        self.exact_text(&one_spaced(text))
    }

    /// A field of text as it is: guarded where a spreadsheet would run it, in the file's encoding.
    ///
    /// # Errors
    /// `Encoding` with the row when the encoding lacks one of its characters.
    pub fn exact_text(&mut self, text: &str) -> Result<(), WriteFault> {
        let field = guard(text);
        match self.encoding {
            Encoding::Latin9 if !field.is_ascii() => {
                self.bytes.clear();
                for char in field.chars() {
                    self.bytes.push(latin9_byte(char).ok_or(WriteFault::Encoding { row: self.row })?);
                }
                self.out.write_field(&self.bytes).map_err(output)
            }
            Encoding::Latin9 | Encoding::Utf8 => self.code(&field),
        }
    }

    /// Ends a row.
    pub fn end_row(&mut self) -> Result<(), WriteFault> {
        self.row += 1;
        self.out.write_record(None::<&[u8]>).map_err(output)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Output` when the machine fails.
    pub fn end(mut self) -> Result<(), WriteFault> {
        self.out.flush().map_err(|error| WriteFault::Output(error.kind()))
    }
}

fn output(error: csv::Error) -> WriteFault {
    WriteFault::Output(match error.into_kind() {
        ErrorKind::Io(error) => error.kind(),
        _ => io::ErrorKind::InvalidData,
    })
}

/// The fields of an envelope, as every row repeats them.
pub fn envelope_fields(key: CampaignKey, number: u32, stamped_at: Timestamp, zone: Zone) -> [String; 6] {
    let CampaignKey { school, level, phase } = key;
    [
        school.uai.to_string(),
        school.year.to_string(),
        level.code().to_owned(),
        phase.code().to_owned(),
        number.to_string(),
        stamped_at.rfc3339_in(zone),
    ]
}
