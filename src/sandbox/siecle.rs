//! Siècle's stand-in: deposits of lots and what becomes of them, what it holds of each campaign, its receipts.

use crate::codec::{self, ExchangeFile};
use crate::domain::{
    campaign::CampaignKey,
    demand::{Choice, Formation},
    lot::{Document, Encoding, FileName, Format, Lot, LotPupil, Receipt, ReceiptKind, ReceiptLine},
    pupil::{Pupil, PupilId},
    school::SchoolKey,
    time::{Timestamp, Zone},
};
use crate::sandbox::{
    Problem,
    councils::{Entry, ResponseFile},
    faults::Faults,
};
use std::collections::{BTreeMap, BTreeSet};

/// Siècle's own code for a pupil that it was told to refuse.
pub const REJECTED_CODE: &str = "ELEVE_REFUSE";
/// Siècle's own code for a pupil that a lot no longer carries.
pub const ABSENT_CODE: &str = "ELEVE_ABSENT";

/// The stand-in.
#[derive(Clone, Debug)]
pub struct Siecle {
    /// What goes wrong when it is asked.
    pub faults: Faults,
    format: Format,
    encoding: Encoding,
    waits: bool,
    refused: BTreeSet<PupilId>,
    offices: BTreeMap<SchoolKey, Office>,
    conflicts: Vec<FileName>,
}

/// What Siècle keeps of one school and year.
#[derive(Clone, Debug)]
pub struct Office {
    /// Zone of its instants.
    pub zone: Zone,
    /// Pupils of the school, whether or not a lot ever named them.
    pub pupils: BTreeMap<PupilId, Pupil>,
    /// Deposits, by `NUM_ENVOI`.
    pub deposits: BTreeMap<u32, Deposit>,
    /// What it holds of each campaign, by pupil.
    pub held: BTreeMap<CampaignKey, BTreeMap<PupilId, LotPupil>>,
    /// What the councils entered, by pupil.
    pub entries: BTreeMap<CampaignKey, BTreeMap<PupilId, Entry>>,
    /// When the school declared the entry of responses finished.
    pub complete: BTreeMap<CampaignKey, Timestamp>,
    /// Response files, by `NUM_ENVOI`.
    pub responses: BTreeMap<u32, ResponseFile>,
}

/// One deposit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposit {
    /// The file.
    pub file: ExchangeFile,
    /// When it was first received.
    pub received_at: Timestamp,
    /// What became of it.
    pub state: DepositState,
}

/// What became of a deposit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepositState {
    /// Not treated yet.
    Waiting(Lot),
    /// A later lot of its campaign came before it was treated.
    Replaced,
    /// Treated.
    Treated {
        /// When.
        at: Timestamp,
        /// What Siècle made of it.
        receipt: ExchangeFile,
    },
    /// Refused for good.
    Rejected(Problem),
}

/// Answer to a question for a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptState {
    /// 200.
    Treated(ExchangeFile),
    /// 202.
    Waiting,
    /// 410.
    Replaced,
    /// The file was refused for good.
    Rejected(Problem),
    /// 404.
    Unknown,
}

impl Siecle {
    /// A Siècle without schools, that treats lots at once and writes its own files in `format` and `encoding`.
    pub fn new(format: Format, encoding: Encoding) -> Self {
        Self {
            faults: Faults::default(),
            format,
            encoding,
            waits: false,
            refused: BTreeSet::new(),
            offices: BTreeMap::new(),
            conflicts: Vec::new(),
        }
    }

    /// Adds a school; one that is there keeps all it has.
    pub fn add_school(&mut self, school: SchoolKey, zone: Zone) {
        self.offices.entry(school).or_insert_with(|| Office::new(zone));
    }

    /// Makes a pupil of the school known, so that a council can answer for one whom no lot names (paper demands).
    pub fn enrol(&mut self, school: SchoolKey, pupil: Pupil) {
        self.office(school).pupils.insert(pupil.id, pupil);
    }

    /// The pupils that it refuses from now on, and no others.
    pub fn reject(&mut self, pupils: BTreeSet<PupilId>) {
        self.refused = pupils;
    }

    /// Whether lots are treated as they come; when they are again, all that wait are treated at once.
    pub fn treat(&mut self, at_once: bool, now: Timestamp) {
        self.waits = !at_once;
        if at_once {
            let waiting = |(school, office): (&SchoolKey, &Office)| {
                let waiting = office.deposits.iter().filter(|(_, deposit)| deposit.is_waiting());
                waiting.map(|(number, _)| (*school, *number)).collect::<Vec<_>>()
            };
            let all: Vec<_> = self.offices.iter().flat_map(waiting).collect();
            all.into_iter().for_each(|(school, number)| self.treat_one(school, number, now));
        }
    }

    /// Takes a lot. The same number with the same bytes is answered as before; a lot replaces those of its campaign that
    /// are not treated yet.
    ///
    /// # Errors
    /// 409 when the number was used with other bytes; the final refusal of a file that cannot be read.
    pub fn deposit(&mut self, name: FileName, bytes: &[u8], now: Timestamp) -> Result<(), Problem> {
        let file = ExchangeFile::new(name, bytes.to_vec());
        let known = self.office(name.key.school).deposits.get(&name.number);
        if let Some(known) = known {
            let again = known.again(&file);
            if !known.is(&file) {
                self.conflicts.push(name);
            }
            return again;
        }
        let state = match codec::decode_lot(name, bytes) {
            Ok(lot) if name.document == Document::Demands => DepositState::Waiting(lot),
            Ok(_) => DepositState::Rejected(invalid("not a file of demands")),
            Err(fault) => DepositState::Rejected(invalid(&fault.to_string())),
        };
        let refused = match &state {
            DepositState::Rejected(problem) => Some(problem.clone()),
            DepositState::Waiting(_) | DepositState::Replaced | DepositState::Treated { .. } => None,
        };
        let office = self.office(name.key.school);
        office.deposits.insert(name.number, Deposit { file, received_at: now, state });
        if let Some(problem) = refused {
            return Err(problem);
        }
        office.replace_waiting(name.key);
        if !self.waits {
            self.treat_one(name.key.school, name.number, now);
        }
        Ok(())
    }

    /// Lots that came under a number which had other bytes.
    pub fn conflicts(&self) -> &[FileName] {
        &self.conflicts
    }

    /// What became of a lot.
    pub fn receipt(&self, school: SchoolKey, number: u32) -> ReceiptState {
        let deposit = self.offices.get(&school).and_then(|office| office.deposits.get(&number));
        match deposit.map(|deposit| &deposit.state) {
            None => ReceiptState::Unknown,
            Some(DepositState::Waiting(_)) => ReceiptState::Waiting,
            Some(DepositState::Replaced) => ReceiptState::Replaced,
            Some(DepositState::Treated { receipt, .. }) => ReceiptState::Treated(receipt.clone()),
            Some(DepositState::Rejected(problem)) => ReceiptState::Rejected(problem.clone()),
        }
    }

    /// Its schools.
    pub fn schools(&self) -> impl Iterator<Item = SchoolKey> {
        self.offices.keys().copied()
    }

    /// All that it keeps of a school and year.
    pub fn school(&self, school: SchoolKey) -> Option<&Office> {
        self.offices.get(&school)
    }

    /// The version that it holds of a pupil: −1 unknown, 0 `SANS_SAISIE`.
    pub fn version(&self, key: CampaignKey, pupil: PupilId) -> i64 {
        self.held(key, pupil).map_or(-1, |held| held.demand.as_ref().map_or(0, |demand| i64::from(demand.version)))
    }

    /// The choices that it holds of a pupil, as `2PRO/Mécanique/AP`.
    pub fn choices(&self, key: CampaignKey, pupil: PupilId) -> Vec<String> {
        let demand = self.held(key, pupil).and_then(|held| held.demand.as_ref());
        demand.map(|demand| demand.choices.as_slice().iter().map(wish).collect()).unwrap_or_default()
    }

    /// All that it holds of a pupil.
    pub fn held(&self, key: CampaignKey, pupil: PupilId) -> Option<&LotPupil> {
        self.offices.get(&key.school).and_then(|office| office.held.get(&key)).and_then(|held| held.get(&pupil))
    }

    /// The format in which it writes its own files.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The encoding in which it writes its own files.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// What it keeps of a school, which it learns of when it is first named.
    pub(crate) fn office(&mut self, school: SchoolKey) -> &mut Office {
        self.offices.entry(school).or_insert_with(|| Office::new(school.uai.zone()))
    }

    fn treat_one(&mut self, school: SchoolKey, number: u32, now: Timestamp) {
        let (encoding, refused) = (self.encoding, self.refused.clone());
        let office = self.office(school);
        let Some(deposit) = office.deposits.get_mut(&number) else { return };
        let DepositState::Waiting(lot) = &deposit.state else { return };
        let held = office.held.get(&lot.head.key).cloned().unwrap_or_default();
        let (receipt, after) = settle(lot, held, &refused, now);
        let written = codec::encode_receipt(&receipt, office.zone, encoding);
        deposit.state = match written {
            Ok(receipt) => {
                office.held.insert(lot.head.key, after);
                DepositState::Treated { at: now, receipt }
            }
            // A receipt is ASCII but for what a lot made of it: what cannot be answered is not taken.
            Err(fault) => DepositState::Rejected(invalid(&fault.to_string())),
        };
    }
}

impl Office {
    fn new(zone: Zone) -> Self {
        Self {
            zone,
            pupils: BTreeMap::new(),
            deposits: BTreeMap::new(),
            held: BTreeMap::new(),
            entries: BTreeMap::new(),
            complete: BTreeMap::new(),
            responses: BTreeMap::new(),
        }
    }

    /// Of the lots of a campaign that wait, only the one with the highest number is still of use.
    fn replace_waiting(&mut self, key: CampaignKey) {
        let of_campaign = |deposit: &Deposit| deposit.file.name.key == key && !deposit.is_rejected();
        let latest = self.deposits.iter().rev().find(|(_, deposit)| of_campaign(deposit)).map(|(number, _)| *number);
        for (number, deposit) in &mut self.deposits {
            if Some(*number) < latest && of_campaign(deposit) && deposit.is_waiting() {
                deposit.state = DepositState::Replaced;
            }
        }
    }
}

impl Deposit {
    /// Whether it is not treated yet.
    pub const fn is_waiting(&self) -> bool {
        matches!(self.state, DepositState::Waiting(_))
    }

    const fn is_rejected(&self) -> bool {
        matches!(self.state, DepositState::Rejected(_))
    }

    fn is(&self, file: &ExchangeFile) -> bool {
        self.file.name == file.name && self.file.sha256 == file.sha256
    }

    fn again(&self, file: &ExchangeFile) -> Result<(), Problem> {
        if !self.is(file) {
            return Err(Problem::business(409, "NUM_ENVOI", "this number was given to another file"));
        }
        match &self.state {
            DepositState::Rejected(problem) => Err(problem.clone()),
            DepositState::Waiting(_) | DepositState::Replaced | DepositState::Treated { .. } => Ok(()),
        }
    }
}

/// What a lot makes of what was held: it replaces all of it, but for refused pupils, of whom Siècle keeps what it had.
fn settle(
    lot: &Lot,
    mut before: BTreeMap<PupilId, LotPupil>,
    refused: &BTreeSet<PupilId>,
    now: Timestamp,
) -> (Receipt, BTreeMap<PupilId, LotPupil>) {
    let line = |kind, code: &str, pupil, rank| ReceiptLine {
        kind,
        code: code.to_owned(),
        pupil: Some(pupil),
        rank,
        parameters: Vec::new(),
    };
    let (mut lines, mut after, mut rejected) = (Vec::new(), BTreeMap::new(), 0);
    for (rank, pupil) in (1_u32..).zip(&lot.pupils) {
        let was = before.remove(&pupil.id);
        if refused.contains(&pupil.id) {
            rejected += 1;
            lines.push(line(ReceiptKind::Rejected, REJECTED_CODE, pupil.id, Some(rank)));
            after.extend(was.map(|was| (pupil.id, was)));
        } else {
            after.insert(pupil.id, pupil.clone());
        }
    }
    lines.extend(before.keys().map(|id| line(ReceiptKind::Absent, ABSENT_CODE, *id, None)));
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let (treated, absent) = (count(lot.pupils.len()), count(before.len()));
    let receipt = Receipt {
        key: lot.head.key,
        number: lot.head.number,
        stamped_at: lot.head.stamped_at,
        treated_at: now,
        counts: lot.head.counts,
        treated,
        complete: treated - rejected,
        partial: 0,
        rejected,
        absent,
        lines,
    };
    (receipt, after)
}

/// A file that cannot be read: the family of systems answers 500, and means it for good (siecle.md).
fn invalid(detail: &str) -> Problem {
    Problem::business(500, "FICHIER_INVALIDE", detail)
}

fn wish(choice: &Choice) -> String {
    let track = choice.track().code();
    let vocational = |formation: &Formation| format!("{track}/{}/{}", formation.label, formation.status.code());
    choice.formation().map_or_else(|| track.to_owned(), vocational)
}

#[cfg(test)]
pub(crate) mod tests;
