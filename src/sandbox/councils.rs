//! Siècle's councils: what they enter, and the numbered response files that follow, each complete so far.

use crate::codec;
use crate::domain::{
    campaign::{CampaignKey, Phase},
    demand::Demand,
    lot::{FileName, Format},
    pupil::{Division, Ine, Private, PupilId},
    response::{OpinionValue, RawResponse, RawVerdict, ResponseHead},
    school::SchoolKey,
    time::{Date, Timestamp},
    track::Track,
};
use crate::sandbox::siecle::{Office, Siecle};
use std::collections::BTreeMap;

/// A proposal that the council makes.
const YES: &str = "OUI";
/// A proposal that it does not make.
const NO: &str = "NON";

/// What a council entered for one pupil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// INE, where Siècle knows it.
    pub ine: Option<Ine>,
    /// Division.
    pub division: Division,
    /// The version that the council saw.
    pub demand_version: Option<u32>,
    /// When it was entered.
    pub entered_at: Timestamp,
    /// Date of the council.
    pub council: Date,
    /// Verdicts, by track.
    pub verdicts: Vec<RawVerdict>,
}

/// What a council answers (scenarios.md, `respond`).
#[derive(Clone, Debug, Default)]
pub struct Council {
    /// Pupils of this division only.
    pub division: Option<Division>,
    /// This pupil only.
    pub pupil: Option<PupilId>,
    /// The value on each track asked for; `FAVORABLE` or `OUI` when absent.
    pub value: Option<String>,
    /// The reason, for opinions.
    pub reason: Option<String>,
    /// Reasons of their own for the opinions on some tracks, by track code.
    pub reasons: BTreeMap<String, String>,
    /// Values on further tracks, by track code as given; a track asked for takes its value from here.
    pub proposals: BTreeMap<String, String>,
}

/// Why councils could not enter what they were told to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CouncilFault {
    /// No such value in this phase.
    #[error("no value of this phase: FAVORABLE, RESERVE, DEFAVORABLE in PROVISOIRE; OUI, NON in DEFINITIVE")]
    Value,
    /// The response file could not be written.
    #[error(transparent)]
    Write(#[from] codec::WriteFault),
}

/// A response file as it lies in Siècle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseFile {
    /// Its name, which a hand may have got wrong.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The digest published with it; none: it is not published yet.
    pub sha256: Option<[u8; 32]>,
}

/// Which digest a hand-made file is delivered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveredDigest {
    /// Its own.
    Right,
    /// Another's.
    Wrong,
    /// None.
    None,
}

impl Siecle {
    /// A council enters responses, on the demands that Siècle holds now, and a response file is published. Answers its
    /// number, or nothing when no response was ever entered.
    ///
    /// # Errors
    /// `Value` for a value that this phase does not know; `Write` when the file cannot be written.
    pub fn respond(
        &mut self,
        key: CampaignKey,
        council: &Council,
        now: Timestamp,
    ) -> Result<Option<u32>, CouncilFault> {
        let office = self.office(key.school);
        let date = now.date_in(office.zone);
        let mut entered = BTreeMap::new();
        for (pupil, seat) in seats(office, key, council) {
            let verdicts = verdicts(key.phase, seat.demand.as_ref(), council)?;
            let demand_version = seat.demand.map(|demand| demand.version);
            let Seat { ine, division, .. } = seat;
            entered.insert(pupil, Entry { ine, division, demand_version, entered_at: now, council: date, verdicts });
        }
        entered.retain(|_, entry| !entry.verdicts.is_empty());
        office.entries.entry(key).or_default().extend(entered);
        self.publish_responses(key, now)
    }

    /// The school declares the entry of responses finished, and a response file says so.
    ///
    /// # Errors
    /// `Write` when the file cannot be written.
    pub fn entry_complete(&mut self, key: CampaignKey, now: Timestamp) -> Result<Option<u32>, CouncilFault> {
        self.office(key.school).complete.insert(key, now);
        self.publish_responses(key, now)
    }

    /// A hand-made response file arrives under `name`. Answers the number that Siècle lists it under: the one in its
    /// name, else the next.
    pub fn deliver(&mut self, school: SchoolKey, name: &str, bytes: &[u8], digest: DeliveredDigest) -> u32 {
        let sha256 = match digest {
            DeliveredDigest::Right => Some(codec::envelope::sha256(bytes)),
            DeliveredDigest::Wrong => Some(codec::envelope::sha256(name.as_bytes())),
            DeliveredDigest::None => None,
        };
        // A name that follows the rule says which school and year it is listed for, where there is such a school.
        let named = FileName::parse(name).map(|name| name.key.school);
        let school = named.filter(|named| self.school(*named).is_some()).unwrap_or(school);
        let office = self.office(school);
        let number = number_in(name).unwrap_or_else(|| office.next_response());
        office.responses.insert(number, ResponseFile { name: name.to_owned(), bytes: bytes.to_vec(), sha256 });
        number
    }

    fn publish_responses(&mut self, key: CampaignKey, now: Timestamp) -> Result<Option<u32>, CouncilFault> {
        let (format, encoding) = (self.format(), self.encoding());
        let office = self.office(key.school);
        let rows = rows(office.entries.get(&key));
        let entry_complete_at = office.complete.get(&key).copied();
        // A CSV without rows says nothing at all, and is an error to read (teleservice.md, thresholds).
        if rows.is_empty() && (entry_complete_at.is_none() || format == Format::Csv) {
            return Ok(None);
        }
        let number = office.next_response();
        let responses = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let head = ResponseHead { key, number, stamped_at: now, entry_complete_at, responses };
        let file = codec::encode_responses(&head, office.zone, &rows, format, encoding)?;
        let published = ResponseFile { name: file.name.to_string(), bytes: file.bytes, sha256: Some(file.sha256) };
        office.responses.insert(number, published);
        Ok(Some(number))
    }
}

impl Office {
    /// Siècle numbers its response files from 1, above any that was delivered.
    fn next_response(&self) -> u32 {
        self.responses.last_key_value().map_or(1, |(last, _)| last + 1)
    }
}

/// A pupil before a council.
struct Seat {
    ine: Option<Ine>,
    division: Division,
    demand: Option<Demand>,
}

/// Who is before the council: the pupils whom Siècle holds with a demand, and, when it proposes something of its own,
/// those without; of pupils whom no lot names only the one who is asked for.
fn seats(office: &Office, key: CampaignKey, council: &Council) -> BTreeMap<PupilId, Seat> {
    let of_division = |division: &Division| council.division.as_ref().is_none_or(|wanted| wanted == division);
    let is_wanted =
        |id: PupilId, division: &Division| council.pupil.is_none_or(|wanted| wanted == id) && of_division(division);
    let proposes = !council.proposals.is_empty();
    let held = office.held.get(&key).into_iter().flatten();
    let held = held.filter(|(id, held)| is_wanted(**id, &held.division) && (proposes || held.demand.is_some()));
    let mut seats: BTreeMap<_, _> = held
        .map(|(id, held)| {
            let seat = Seat { ine: held.ine.clone(), division: held.division.clone(), demand: held.demand.clone() };
            (*id, seat)
        })
        .collect();
    let named = council.pupil.filter(|_| proposes).and_then(|id| office.pupils.get(&id));
    if let Some(pupil) = named.filter(|pupil| of_division(&pupil.division)) {
        let seat = || Seat { ine: pupil.ine.clone(), division: pupil.division.clone(), demand: None };
        seats.entry(pupil.id).or_insert_with(seat);
    }
    seats
}

fn verdicts(phase: Phase, demand: Option<&Demand>, council: &Council) -> Result<Vec<RawVerdict>, CouncilFault> {
    let mut values: Vec<(String, String)> = Vec::new();
    let default = match phase {
        Phase::Provisional => OpinionValue::Favourable.code(),
        Phase::Definitive => YES,
    };
    let value = council.value.as_deref().unwrap_or(default);
    let asked: Vec<_> =
        demand.into_iter().flat_map(|demand| demand.choices.as_slice()).map(|one| one.track()).collect();
    for track in Track::ALL.into_iter().filter(|track| asked.contains(track)) {
        let code = track.code();
        values.push((code.to_owned(), council.proposals.get(code).map_or(value, String::as_str).to_owned()));
    }
    for (code, value) in &council.proposals {
        if !asked.iter().any(|track| track.code() == code) {
            values.push((code.clone(), value.clone()));
        }
    }
    let is_asked = |code: &str| asked.iter().any(|track| track.code() == code);
    let verdict = |(track, value): (String, String)| match phase {
        Phase::Provisional => {
            let value = OpinionValue::of_code(&value).ok_or(CouncilFault::Value)?;
            let reason = council.reasons.get(&track).or(council.reason.as_ref()).cloned().map(Private::new);
            Ok(RawVerdict::Opinion { track, value, reason })
        }
        Phase::Definitive => {
            let accepted = value == YES;
            let proposal = RawVerdict::Proposal { requested: is_asked(&track), track, accepted };
            if accepted || value == NO { Ok(proposal) } else { Err(CouncilFault::Value) }
        }
    };
    values.into_iter().map(verdict).collect()
}

/// The rows of a response file, by division, then by pupil.
fn rows(entries: Option<&BTreeMap<PupilId, Entry>>) -> Vec<RawResponse> {
    let mut entries: Vec<_> = entries.into_iter().flatten().collect();
    entries.sort_by(|(id, one), (other_id, other)| (&one.division, id).cmp(&(&other.division, other_id)));
    let row = |(rank, (id, entry)): (u32, (&PupilId, &Entry))| RawResponse {
        rank,
        pupil: *id,
        ine: entry.ine.clone(),
        demand_version: entry.demand_version,
        entered_at: entry.entered_at,
        division: entry.division.clone(),
        council: entry.council,
        verdicts: entry.verdicts.clone(),
        other_school: false,
    };
    (1..).zip(entries).map(row).collect()
}

/// The number in a name that follows the rule, and in one that nearly does.
fn number_in(name: &str) -> Option<u32> {
    if let Some(name) = FileName::parse(name) {
        return Some(name.number);
    }
    let (base, _) = name.rsplit_once('.')?;
    let (_, digits) = base.rsplit_once('-')?;
    digits.parse().ok().filter(|number| *number > 0)
}
