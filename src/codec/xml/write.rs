//! Writing XML fast: markup is appended as it is, values are escaped, and what the encoding lacks becomes a numeric
//! reference (siecle.md: never a `?`).

use crate::codec::{
    encoding::{label, latin9_byte},
    envelope::one_spaced,
};
use crate::domain::{
    campaign::CampaignKey,
    lot::{Encoding, LotCounts},
    time::{Date, Timestamp, Zone},
};
use chrono::{DateTime, Datelike, FixedOffset, Offset, TimeZone, Timelike};
use std::io::{self, Write};

/// Bytes gathered before they are handed on.
const GATHERED_BYTES: usize = 32 * 1024;

/// An XML document being written. A failing sink is told once, by `finish`.
pub struct XmlWriter<W: Write> {
    out: W,
    gathered: Vec<u8>,
    encoding: Encoding,
    zone: Zone,
    failed: Option<io::Error>,
}

impl<W: Write> XmlWriter<W> {
    /// Begins a document: the declaration. Instants get the offset of `zone`.
    pub fn new(out: W, encoding: Encoding, zone: Zone) -> Self {
        let gathered = Vec::with_capacity(GATHERED_BYTES + GATHERED_BYTES / 4);
        let mut writer = Self { out, gathered, encoding, zone, failed: None };
        writer.markup("<?xml version=\"1.0\" encoding=\"").markup(label(encoding)).markup("\"?>\n");
        writer
    }

    /// Ends the document.
    ///
    /// # Errors
    /// The first failure of the sink.
    pub fn finish(mut self) -> io::Result<()> {
        self.hand_on();
        match self.failed {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }

    /// Appends markup, or a value of which no character needs escaping.
    pub fn markup(&mut self, ascii: &str) -> &mut Self {
        self.gathered.extend_from_slice(ascii.as_bytes());
        self
    }

    /// Appends a whole number.
    pub fn number(&mut self, number: impl Into<i64>) -> &mut Self {
        let number: i64 = number.into();
        // Twenty digits hold any i64; filled from the end, without an allocation.
        let mut digits = [0u8; 20];
        let mut left = number.unsigned_abs();
        let mut length = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
            left /= 10;
            length += 1;
            if left == 0 {
                break;
            }
        }
        if number < 0 {
            self.gathered.push(b'-');
        }
        self.gathered.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
        self
    }

    /// Appends a value, escaped for text and attributes alike, its white space made one.
    pub fn text(&mut self, text: &str) -> &mut Self {
        let plain = |byte: u8| !matches!(byte, 0..b' ' | b'&' | b'<' | b'>' | b'"' | 0x7F..);
        let spaces_stand = !text.contains("  ") && !text.starts_with(' ') && !text.ends_with(' ');
        if spaces_stand && text.bytes().fold(true, |all, byte| all & plain(byte)) {
            return self.markup(text);
        }
        for char in one_spaced(text).chars() {
            self.char(char);
        }
        self
    }

    fn char(&mut self, char: char) {
        match char {
            '&' => self.markup("&amp;"),
            '<' => self.markup("&lt;"),
            '>' => self.markup("&gt;"),
            '"' => self.markup("&quot;"),
            _ => match (self.encoding, latin9_byte(char)) {
                (Encoding::Utf8, _) => self.markup(char.encode_utf8(&mut [0; 4])),
                (Encoding::Latin9, Some(byte)) => {
                    self.gathered.push(byte);
                    self
                }
                (Encoding::Latin9, None) => self.markup("&#").number(u32::from(char)).markup(";"),
            },
        };
    }

    /// Appends an instant with the school's offset.
    pub fn instant(&mut self, at: Timestamp) -> &mut Self {
        match self.civil(at) {
            Some(civil) => self.civil_instant(civil),
            None => {
                let written = at.rfc3339_in(self.zone);
                self.markup(&written)
            }
        }
    }

    /// The civil time there, when it is one of the plain kind: a four-digit year, an offset of whole minutes, no fraction.
    fn civil(&self, at: Timestamp) -> Option<DateTime<FixedOffset>> {
        let utc = DateTime::from_timestamp_millis(at.epoch_ms())?;
        let offset = self.zone.offset_from_utc_datetime(&utc.naive_utc()).fix();
        let civil = utc.with_timezone(&offset);
        let plain =
            (1000..=9999).contains(&civil.year()) && civil.nanosecond() == 0 && offset.local_minus_utc() % 60 == 0;
        plain.then_some(civil)
    }

    fn civil_instant(&mut self, civil: DateTime<FixedOffset>) -> &mut Self {
        let offset_s = civil.offset().local_minus_utc();
        let minutes = offset_s.unsigned_abs() / 60;
        self.day(civil.date_naive()).markup("T");
        self.two(civil.hour()).markup(":").two(civil.minute()).markup(":").two(civil.second());
        self.markup(if offset_s < 0 { "-" } else { "+" });
        self.two(minutes / 60).markup(":").two(minutes % 60)
    }

    /// Appends a date.
    pub fn day(&mut self, day: Date) -> &mut Self {
        let year = day.year().unsigned_abs();
        self.two(year / 100).two(year % 100).markup("-").two(day.month()).markup("-").two(day.day())
    }

    fn two(&mut self, number: u32) -> &mut Self {
        let digit = |value: u32| b'0' + u8::try_from(value % 10).unwrap_or_default();
        self.gathered.extend_from_slice(&[digit(number / 10), digit(number)]);
        self
    }

    /// Appends what every `PARAMETRES` begins with.
    pub fn head(&mut self, key: CampaignKey, number: u32, stamped_at: Timestamp, software: &str) -> &mut Self {
        self.markup("  <PARAMETRES>\n    <UAJ>").markup(key.school.uai.as_str());
        self.markup("</UAJ>\n    <ANNEE_SCOLAIRE>").number(key.school.year.get());
        self.markup("</ANNEE_SCOLAIRE>\n    <PALIER>").markup(key.level.code());
        self.markup("</PALIER>\n    <PHASE>").markup(key.phase.code());
        self.markup("</PHASE>\n    <NUM_ENVOI>").number(number);
        self.markup("</NUM_ENVOI>\n    <HORODATAGE>").instant(stamped_at);
        self.markup("</HORODATAGE>\n    <LOGICIEL>").text(software).markup("</LOGICIEL>\n")
    }

    /// Appends the four counts of a lot.
    pub fn counts(&mut self, counts: LotCounts) -> &mut Self {
        self.markup("    <NB_DEMANDES>").number(counts.demands);
        self.markup("</NB_DEMANDES>\n    <NB_SANS_SAISIE>").number(counts.without_entry);
        self.markup("</NB_SANS_SAISIE>\n    <NB_ACCUSES>").number(counts.acknowledgements);
        self.markup("</NB_ACCUSES>\n    <NB_REPONSES_FAMILLE>").number(counts.replies);
        self.markup("</NB_REPONSES_FAMILLE>\n")
    }

    /// Ends a row: what was gathered is handed on when there is enough of it.
    pub fn end_row(&mut self) {
        if GATHERED_BYTES <= self.gathered.len() {
            self.hand_on();
        }
    }

    fn hand_on(&mut self) {
        if self.failed.is_none() {
            self.failed = self.out.write_all(&self.gathered).err();
        }
        self.gathered.clear();
    }
}
