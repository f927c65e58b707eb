//! Values that go into statements and rows that come out, the same for both engines: 64-bit integers, texts and blobs.

use crate::domain::{
    campaign::{CampaignKey, Phase},
    pupil::{Division, PupilId, RepresentativeId},
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::{Date, Timestamp, parse_date},
};
use crate::store::StoreError;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type, postgres::PgRow, sqlite::SqliteRow};

/// A value bound to a statement. It has a type even where it is null: PostgreSQL asks for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A 64-bit integer, or null.
    Int(Option<i64>),
    /// A text, or null.
    Text(Option<String>),
    /// Bytes, or null.
    Blob(Option<Vec<u8>>),
}

/// Builds the list of values of one statement or row.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::value::Value::from($value)),*] };
}
pub(crate) use values;

/// Whole numbers are stored signed; what does not fit is no number of ours.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

macro_rules! value_from {
    ($($kind:ty => $variant:ident, $convert:expr;)*) => {$(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::$variant(Some($convert(value)))
            }
        }
        impl From<Option<$kind>> for Value {
            fn from(value: Option<$kind>) -> Self {
                Self::$variant(value.map($convert))
            }
        }
    )*};
}

value_from! {
    i64 => Int, |number| number;
    u8 => Int, i64::from;
    u32 => Int, i64::from;
    u64 => Int, signed;
    usize => Int, |number| signed(number as u64);
    bool => Int, i64::from;
    Timestamp => Int, Timestamp::epoch_ms;
    PupilId => Int, |id: PupilId| id.0;
    RepresentativeId => Int, |id: RepresentativeId| id.0;
    SchoolYear => Int, |year: SchoolYear| i64::from(year.get());
    String => Text, |text| text;
    &str => Text, str::to_owned;
    &String => Text, String::clone;
    Uai => Text, |uai: Uai| uai.as_str().to_owned();
    Level => Text, |level: Level| level.code().to_owned();
    Phase => Text, |phase: Phase| phase.code().to_owned();
    &Division => Text, |division: &Division| division.as_str().to_owned();
    Date => Text, |date: Date| date.to_string();
    Vec<u8> => Blob, |bytes| bytes;
    &[u8] => Blob, <[u8]>::to_vec;
    [u8; 32] => Blob, |digest: [u8; 32]| digest.to_vec();
}

/// One row of an answer.
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

/// Reads the columns of one row from left to right.
pub struct Cells<'a> {
    row: &'a Row,
    next: usize,
}

impl Row {
    /// Begins to read the row at its first column.
    pub const fn cells(&self) -> Cells<'_> {
        Cells { row: self, next: 0 }
    }
}

impl Cells<'_> {
    fn take<T>(&mut self) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        let at = self.next;
        self.next += 1;
        Ok(match self.row {
            Row::Sqlite(row) => row.try_get(at)?,
            Row::Postgres(row) => row.try_get(at)?,
        })
    }

    /// An integer.
    pub fn int(&mut self) -> Result<i64, StoreError> {
        self.take()
    }

    /// An integer or null.
    pub fn opt_int(&mut self) -> Result<Option<i64>, StoreError> {
        self.take()
    }

    /// A text.
    pub fn text(&mut self) -> Result<String, StoreError> {
        self.take()
    }

    /// A text or null.
    pub fn opt_text(&mut self) -> Result<Option<String>, StoreError> {
        self.take()
    }

    /// Bytes.
    pub fn blob(&mut self) -> Result<Vec<u8>, StoreError> {
        self.take()
    }

    /// Bytes or null.
    pub fn opt_blob(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.take()
    }

    /// The next cell as it stands, of a column that was declared as `kind`.
    pub(crate) fn value(&mut self, kind: &str) -> Result<Value, StoreError> {
        Ok(match kind {
            "INTEGER" => Value::Int(self.opt_int()?),
            "TEXT" => Value::Text(self.opt_text()?),
            _ => Value::Blob(self.opt_blob()?),
        })
    }

    /// A digest.
    pub fn digest(&mut self) -> Result<[u8; 32], StoreError> {
        self.blob()?.try_into().map_err(|_| StoreError::Damaged("a digest is not 32 bytes"))
    }

    /// A digest or null.
    pub fn opt_digest(&mut self) -> Result<Option<[u8; 32]>, StoreError> {
        let bytes = self.opt_blob()?;
        let digest = bytes.map(TryInto::try_into).transpose();
        digest.map_err(|_| StoreError::Damaged("a digest is not 32 bytes"))
    }

    /// A whole number.
    pub fn u32(&mut self) -> Result<u32, StoreError> {
        self.opt_u32()?.ok_or(StoreError::Damaged("a number is missing"))
    }

    /// A whole number or null.
    pub fn opt_u32(&mut self) -> Result<Option<u32>, StoreError> {
        let number = self.opt_int()?.map(u32::try_from).transpose();
        number.map_err(|_| StoreError::Damaged("a number is out of its range"))
    }

    /// A place in a feed.
    pub fn u64(&mut self) -> Result<u64, StoreError> {
        self.opt_u64()?.ok_or(StoreError::Damaged("a place in a feed is missing"))
    }

    /// A place in a feed, or null.
    pub fn opt_u64(&mut self) -> Result<Option<u64>, StoreError> {
        let number = self.opt_int()?.map(u64::try_from).transpose();
        number.map_err(|_| StoreError::Damaged("a place in a feed is negative"))
    }

    /// A flag.
    pub fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.int()? != 0)
    }

    /// An instant.
    pub fn at(&mut self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_epoch_ms(self.int()?))
    }

    /// An instant or null.
    pub fn opt_at(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.opt_int()?.map(Timestamp::from_epoch_ms))
    }

    /// A pupil.
    pub fn pupil(&mut self) -> Result<PupilId, StoreError> {
        self.int().map(PupilId)
    }

    /// A representative.
    pub fn representative(&mut self) -> Result<RepresentativeId, StoreError> {
        self.int().map(RepresentativeId)
    }

    /// A level.
    pub fn level(&mut self) -> Result<Level, StoreError> {
        Level::of_code(&self.text()?).ok_or(StoreError::Damaged("unknown level"))
    }

    /// A phase.
    pub fn phase(&mut self) -> Result<Phase, StoreError> {
        Phase::of_code(&self.text()?).ok_or(StoreError::Damaged("unknown phase"))
    }

    /// A division.
    pub fn division(&mut self) -> Result<Division, StoreError> {
        Division::parse(&self.text()?).map_err(|_| StoreError::Damaged("unusable division"))
    }

    /// A division or null.
    pub fn opt_division(&mut self) -> Result<Option<Division>, StoreError> {
        let division = self.opt_text()?.map(|text| Division::parse(&text)).transpose();
        division.map_err(|_| StoreError::Damaged("unusable division"))
    }

    /// A civil date.
    pub fn date(&mut self) -> Result<Date, StoreError> {
        parse_date(&self.text()?).map_err(|_| StoreError::Damaged("unusable date"))
    }

    /// A school and year: two columns.
    pub fn school(&mut self) -> Result<SchoolKey, StoreError> {
        self.opt_school()?.ok_or(StoreError::Damaged("a school is missing"))
    }

    /// A school and year, or nulls: two columns.
    pub fn opt_school(&mut self) -> Result<Option<SchoolKey>, StoreError> {
        let Some((uai, year)) = self.opt_text()?.zip(self.opt_int()?) else { return Ok(None) };
        let uai = Uai::parse(&uai).map_err(|_| StoreError::Damaged("unusable UAI"))?;
        let year = u16::try_from(year).ok().and_then(|year| SchoolYear::new(year).ok());
        Ok(Some(SchoolKey { uai, year: year.ok_or(StoreError::Damaged("unusable school year"))? }))
    }

    /// A level and a phase of `school`: two columns.
    pub fn campaign(&mut self, school: SchoolKey) -> Result<CampaignKey, StoreError> {
        Ok(CampaignKey { school, level: self.level()?, phase: self.phase()? })
    }
}
