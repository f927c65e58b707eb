//! Instants, civil times and zones. What reads a clock is not here: every function is handed its instant.

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDateTime, Offset, SecondsFormat, TimeDelta, TimeZone, Timelike, Utc,
};

/// A civil date.
pub use chrono::NaiveDate as Date;
/// A civil date and time without zone.
pub use chrono::NaiveDateTime as Civil;
/// A civil time of day.
pub use chrono::NaiveTime as TimeOfDay;
/// A zone of the tz database, embedded in the binary.
pub use chrono_tz::Tz as Zone;

/// 24 hours in elapsed seconds (guard.md: never "the same time tomorrow").
pub const DAY_S: i64 = 86_400;
/// One hour in seconds.
pub const HOUR_S: i64 = 3_600;
/// One minute in seconds.
pub const MINUTE_S: i64 = 60;
/// The widest offset that XML Schema knows, in seconds.
const OFFSET_MAX_S: i32 = 14 * 3_600;
/// Longest gap or fold searched for around a civil time, in minutes: no zone ever moved by more than a day.
const GAP_MAX_MIN: i64 = 24 * 60;

/// An instant, in milliseconds since the epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is no instant or date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeFault {
    /// Not an RFC 3339 instant with an offset.
    #[error("not an RFC 3339 instant with an offset, such as 2020-05-26T03:15:00+02:00")]
    NotAnInstant,
    /// Not a date.
    #[error("not a date such as 2020-05-28")]
    NotADate,
    /// Neither a civil time nor an instant.
    #[error("not a date and time such as 2020-05-28T16:15:00")]
    NotACivilTime,
    /// A civil time that does not name exactly one instant.
    #[error(transparent)]
    Civil(#[from] CivilFault),
}

/// Why a civil time names no single instant in its zone (code `CIVIL_TIME`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CivilFault {
    /// Clocks jump over it.
    #[error("{0} does not exist in {1}: the clocks jump over it")]
    Gap(Civil, Zone),
    /// Clocks show it twice.
    #[error("{0} exists twice in {1}: the clocks are set back; write it with its offset")]
    Fold(Civil, Zone),
}

impl Timestamp {
    /// The instant at `ms` milliseconds since the epoch.
    pub const fn from_epoch_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn epoch_ms(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 instant, as strictly as XML Schema's `dateTime` with an offset. Digits below a millisecond are cut.
    ///
    /// # Errors
    /// `NotAnInstant` for anything else: no offset, a leap second, year 0, an offset beyond 14 hours.
    pub fn parse(text: &str) -> Result<Self, TimeFault> {
        const SHAPE: &[u8; 19] = b"0000-00-00T00:00:00";
        let bytes = text.as_bytes();
        let shaped = bytes.len() > SHAPE.len()
            && SHAPE.iter().zip(bytes).all(|(shape, byte)| match shape {
                b'0' => byte.is_ascii_digit(),
                mark => mark == byte,
            });
        let leap = text.get(17..19) == Some("60");
        let lower = bytes.iter().any(u8::is_ascii_lowercase);
        if !shaped || leap || lower || text.starts_with("0000") {
            return Err(TimeFault::NotAnInstant);
        }
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| TimeFault::NotAnInstant)?;
        if parsed.offset().fix().local_minus_utc().abs() > OFFSET_MAX_S {
            return Err(TimeFault::NotAnInstant);
        }
        Ok(Self(parsed.timestamp_millis()))
    }

    /// Reads an instant with offset, or a civil time in `zone`.
    ///
    /// # Errors
    /// `Civil` when the civil time falls in a gap or a fold, `NotACivilTime` when it is neither shape.
    pub fn parse_in(text: &str, zone: Zone) -> Result<Self, TimeFault> {
        if let Ok(instant) = Self::parse(text) {
            return Ok(instant);
        }
        let shapes = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
        let civil = shapes.iter().find_map(|shape| NaiveDateTime::parse_from_str(text, shape).ok());
        Ok(instant_of(zone, civil.ok_or(TimeFault::NotACivilTime)?)?)
    }

    /// This instant moved by `seconds` of elapsed time.
    pub const fn plus_s(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000)))
    }

    /// Elapsed milliseconds since `earlier`; negative when that is later.
    pub const fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The whole minute at or before this instant.
    pub const fn floor_minute(self) -> Self {
        Self(self.0 - self.0.rem_euclid(MINUTE_S * 1_000))
    }

    /// The whole minute at or after this instant.
    pub const fn ceil_minute(self) -> Self {
        Self(self.0 + (-self.0).rem_euclid(MINUTE_S * 1_000))
    }

    /// RFC 3339 with the offset of `zone`, with milliseconds only where there are some.
    pub fn rfc3339_in(self, zone: Zone) -> String {
        self.utc().with_timezone(&zone).to_rfc3339_opts(self.precision(), false)
    }

    /// RFC 3339 in UTC, ending in `Z`.
    pub fn rfc3339_utc(self) -> String {
        self.utc().to_rfc3339_opts(self.precision(), true)
    }

    /// The civil date in `zone`.
    pub fn date_in(self, zone: Zone) -> Date {
        self.civil_in(zone).date()
    }

    /// The civil time in `zone`.
    pub fn civil_in(self, zone: Zone) -> Civil {
        self.utc().with_timezone(&zone).naive_local()
    }

    fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    const fn precision(self) -> SecondsFormat {
        if self.0.rem_euclid(1_000) == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis }
    }
}

impl std::fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.rfc3339_utc())
    }
}

/// The instant that a civil time names in `zone`.
///
/// # Errors
/// `Gap` or `Fold` when it names none or two.
pub fn instant_of(zone: Zone, civil: Civil) -> Result<Timestamp, CivilFault> {
    match zone.from_local_datetime(&civil) {
        LocalResult::Single(instant) => Ok(Timestamp(instant.timestamp_millis())),
        LocalResult::Ambiguous(..) => Err(CivilFault::Fold(civil, zone)),
        LocalResult::None => Err(CivilFault::Gap(civil, zone)),
    }
}

/// The instant of a nightly slot: the first instant after a gap, the first of two in a fold (guard.md, ticks and nights).
pub fn slot_instant(zone: Zone, date: Date, slot: TimeOfDay) -> Timestamp {
    let wanted = date.and_time(slot);
    for minutes in 0..=GAP_MAX_MIN {
        let probe = wanted + TimeDelta::minutes(minutes);
        if let Some(instant) = zone.from_local_datetime(&probe).earliest() {
            let found = Timestamp(instant.timestamp_millis());
            return if minutes == 0 { found } else { gap_end(zone, wanted, found) };
        }
    }
    Timestamp(wanted.and_utc().timestamp_millis())
}

/// The first instant after the gap that holds `wanted`, given an instant at most a minute behind the gap's end.
fn gap_end(zone: Zone, wanted: Civil, found: Timestamp) -> Timestamp {
    let mut first = found;
    while Timestamp(first.0 - 1_000).civil_in(zone) > wanted {
        first = Timestamp(first.0 - 1_000);
    }
    first
}

/// The day after `date`.
pub fn next_day(date: Date) -> Date {
    date.checked_add_days(Days::new(1)).unwrap_or(date)
}

/// The day before `date`.
pub fn day_before(date: Date) -> Date {
    date.checked_sub_days(Days::new(1)).unwrap_or(date)
}

/// Reads a date written as `2020-05-28`.
///
/// # Errors
/// `NotADate` for any other shape, and for days that no calendar has.
pub fn parse_date(text: &str) -> Result<Date, TimeFault> {
    const SHAPE_LEN: usize = "2020-05-28".len();
    let shaped = text.len() == SHAPE_LEN && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date = shaped.then(|| Date::parse_from_str(text, "%Y-%m-%d").ok()).flatten();
    date.filter(|date| date.year() > 0).ok_or(TimeFault::NotADate)
}

/// Reads a slot or time of day written as `03:15`.
///
/// # Errors
/// `NotACivilTime` for any other shape.
pub fn parse_time_of_day(text: &str) -> Result<TimeOfDay, TimeFault> {
    const SHAPE_LEN: usize = "03:15".len();
    let time = TimeOfDay::parse_from_str(text, "%H:%M").ok();
    time.filter(|time| text.len() == SHAPE_LEN && time.second() == 0).ok_or(TimeFault::NotACivilTime)
}

/// A civil time as French staff read it: `jeudi 28 mai 2020 à 16:15`.
pub fn french(civil: Civil) -> String {
    let seconds = if civil.second() == 0 { String::new() } else { format!(":{:02}", civil.second()) };
    format!("{} à {:02}:{:02}{seconds}", french_day(civil.date()), civil.hour(), civil.minute())
}

/// A date as French staff read it: `jeudi 28 mai 2020`.
pub fn french_day(date: Date) -> String {
    const DAYS: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];
    const MONTHS: [&str; 12] = [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ];
    let day = DAYS.get(date.weekday().num_days_from_monday() as usize).unwrap_or(&"");
    let month = MONTHS.get(date.month0() as usize).unwrap_or(&"");
    let nth = if date.day() == 1 { "1er".to_owned() } else { date.day().to_string() };
    format!("{day} {nth} {month} {}", date.year())
}
