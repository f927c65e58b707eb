//! Lots: one numbered, complete export of one campaign, and the receipt that Siècle gives for it.

use crate::domain::{
    campaign::CampaignKey,
    demand::{Acknowledgement, Demand, Reply},
    pupil::{Division, Ine, Private, PupilId},
    time::{Timestamp, Zone},
};
use std::fmt;

/// The highest `NUM_ENVOI` (siecle.md).
pub const NUMBER_MAX: u32 = 99_999;

/// Which of the three documents of the exchange a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// `DEM`: demands.
    Demands,
    /// `REP`: responses.
    Responses,
    /// `CR`: receipt.
    Receipt,
}

impl Document {
    /// Every document.
    pub const ALL: [Self; 3] = [Self::Demands, Self::Responses, Self::Receipt];

    /// The code in file names.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Demands => "DEM",
            Self::Responses => "REP",
            Self::Receipt => "CR",
        }
    }

    /// The folder under `{files}/{UAI}/{AAAA}/`.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Demands => "demandes",
            Self::Responses => "reponses",
            Self::Receipt => "comptes-rendus",
        }
    }
}

/// The format of lots and response files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// XML.
    Xml,
    /// CSV.
    Csv,
}

impl Format {
    /// The extension of file names, without dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Xml => "xml",
            Self::Csv => "csv",
        }
    }
}

/// The encoding in which files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// UTF-8 (CSV with a byte order mark).
    Utf8,
    /// ISO-8859-15.
    Latin9,
}

/// The name of a file of the exchange: `{UAI}-{AAAA}-{DEM|REP|CR}-{PALIER}-{PHASE}-{NUM_ENVOI:05}.{xml|csv}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    /// Campaign.
    pub key: CampaignKey,
    /// Document.
    pub document: Document,
    /// `NUM_ENVOI`.
    pub number: u32,
    /// Format.
    pub format: Format,
}

impl FileName {
    /// Reads a base name with its extension.
    pub fn parse(name: &str) -> Option<Self> {
        use crate::domain::{
            campaign::Phase,
            school::{Level, SchoolKey, SchoolYear, Uai},
        };
        let (base, extension) = name.rsplit_once('.')?;
        let format = [Format::Xml, Format::Csv].into_iter().find(|format| format.extension() == extension)?;
        let mut parts = base.split('-');
        let uai = Uai::parse(parts.next()?).ok()?;
        let year = SchoolYear::parse(parts.next()?).ok()?;
        let code = parts.next()?;
        let document = Document::ALL.into_iter().find(|document| document.code() == code)?;
        let level = Level::of_code(parts.next()?)?;
        let phase = Phase::of_code(parts.next()?)?;
        let number = parts.next()?.parse().ok()?;
        let key = CampaignKey { school: SchoolKey { uai, year }, level, phase };
        let parsed = Self { key, document, number, format };
        (parts.next().is_none() && parsed.to_string() == name).then_some(parsed)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CampaignKey { school, level, phase } = self.key;
        let (document, extension) = (self.document.code(), self.format.extension());
        write!(f, "{school}-{document}-{}-{}-{:05}.{extension}", level.code(), phase.code(), self.number)
    }
}

/// The envelope of a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LotHead {
    /// Campaign.
    pub key: CampaignKey,
    /// `NUM_ENVOI`, 1 to 99999, strictly rising for a school and year.
    pub number: u32,
    /// `HORODATAGE`: when the lot was cut.
    pub stamped_at: Timestamp,
    /// The school's zone, for the offset of every instant in the file.
    pub zone: Zone,
    /// Rows of each kind.
    pub counts: LotCounts,
}

/// How many rows of each kind a lot carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LotCounts {
    /// `NB_DEMANDES`.
    pub demands: u32,
    /// `NB_SANS_SAISIE` (R07).
    pub without_entry: u32,
    /// `NB_ACCUSES`.
    pub acknowledgements: u32,
    /// `NB_REPONSES_FAMILLE`.
    pub replies: u32,
}

impl LotCounts {
    /// Counts the rows of a lot.
    pub fn of<'a>(pupils: impl IntoIterator<Item = &'a LotPupil>) -> Self {
        let mut counts = Self::default();
        for pupil in pupils {
            match pupil.demand {
                Some(_) => counts.demands += 1,
                None => counts.without_entry += 1,
            }
            counts.acknowledgements += u32::from(pupil.acknowledgement.is_some());
            counts.replies += u32::from(pupil.reply.is_some());
        }
        counts
    }
}

/// Everything that a lot says of one pupil in procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LotPupil {
    /// `ELEVE_ID`.
    pub id: PupilId,
    /// INE, where known.
    pub ine: Option<Ine>,
    /// Class.
    pub division: Division,
    /// Family name.
    pub last_name: Private<String>,
    /// First name.
    pub first_name: Private<String>,
    /// The last valid version; none is `SANS_SAISIE` (R07).
    pub demand: Option<Demand>,
    /// Provisional lots: the first acknowledgement.
    pub acknowledgement: Option<Acknowledgement>,
    /// Definitive lots: the reply that stands.
    pub reply: Option<Reply>,
}

/// One lot, complete: all pupils in procedure of its campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Envelope.
    pub head: LotHead,
    /// Pupils by division, then by `ELEVE_ID`.
    pub pupils: Vec<LotPupil>,
}

/// What Siècle says of one pupil in a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReceiptKind {
    /// `REJ`: refused; Siècle keeps what it had.
    Rejected,
    /// `PAR`: taken in part.
    Partial,
    /// `ABS`: Siècle held it and this lot no longer carries it.
    Absent,
    /// `MOD`: taken, with a change of Siècle's own.
    Modified,
}

impl ReceiptKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Rejected, Self::Partial, Self::Absent, Self::Modified];

    /// The code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Rejected => "REJ",
            Self::Partial => "PAR",
            Self::Absent => "ABS",
            Self::Modified => "MOD",
        }
    }

    /// The kind of a wire code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// One line of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptLine {
    /// What became of the pupil.
    pub kind: ReceiptKind,
    /// Siècle's own code, at most 20 characters.
    pub code: String,
    /// The pupil, where the line is about one.
    pub pupil: Option<PupilId>,
    /// Rank in the lot, where given.
    pub rank: Option<u32>,
    /// Parameters, together at most 255 characters.
    pub parameters: Vec<Private<String>>,
}

/// What Siècle made of a lot (*compte rendu*).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Campaign, as the receipt repeats it.
    pub key: CampaignKey,
    /// The lot's number.
    pub number: u32,
    /// The lot's own `HORODATAGE`.
    pub stamped_at: Timestamp,
    /// When Siècle treated it.
    pub treated_at: Timestamp,
    /// The lot's counts, as Siècle read them.
    pub counts: LotCounts,
    /// Pupils treated.
    pub treated: u32,
    /// Taken whole.
    pub complete: u32,
    /// Taken in part.
    pub partial: u32,
    /// Refused.
    pub rejected: u32,
    /// No longer carried.
    pub absent: u32,
    /// Line by line.
    pub lines: Vec<ReceiptLine>,
}
