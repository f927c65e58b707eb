//! Lists of small things as JSON texts: representatives, choices, verdicts, versions. Their shapes here are the
//! database's own; the wire has others.

use crate::domain::{
    anomaly::Subject,
    campaign::{CampaignKey, Phase},
    demand::{Choice, Choices, Formation},
    pupil::{Private, PupilId, Representative, RepresentativeId},
    response::{Opinion, OpinionValue, Proposal, Response, Verdicts},
    school::Level,
    time::{Timestamp, parse_date},
    track::{MefCode, Status, Track},
};
use crate::store::StoreError;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, str::FromStr};

#[derive(Serialize, Deserialize)]
struct RepresentativeText {
    id: i64,
    rank: u8,
    title: String,
    last_name: String,
    first_name: String,
    email: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ChoiceText {
    track: String,
    formation: Option<FormationText>,
}

#[derive(Serialize, Deserialize)]
struct FormationText {
    label: String,
    code: Option<String>,
    status: String,
}

#[derive(Serialize, Deserialize)]
enum VerdictsText {
    Opinions(Vec<OpinionText>),
    Proposals(Vec<ProposalText>),
}

#[derive(Serialize, Deserialize)]
struct OpinionText {
    track: String,
    value: String,
    reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ProposalText {
    track: String,
    requested: bool,
    accepted: bool,
}

#[derive(Serialize, Deserialize)]
struct ResponseText {
    pupil: i64,
    version: Option<u32>,
    entered_at_ms: i64,
    council: String,
    verdicts: VerdictsText,
}

fn to_json(shape: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(shape).map_err(|_| StoreError::Damaged("a list cannot be written as JSON"))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged("a list is no JSON of ours"))
}

fn track_of(code: &str) -> Result<Track, StoreError> {
    Track::of_code(code).ok_or(StoreError::Damaged("unknown track"))
}

/// Representatives, in the order of the feed.
pub fn write_representatives(list: &[Representative]) -> Result<String, StoreError> {
    let shape = |it: &Representative| RepresentativeText {
        id: it.id.0,
        rank: it.rank,
        title: it.title.reveal().clone(),
        last_name: it.last_name.reveal().clone(),
        first_name: it.first_name.reveal().clone(),
        email: it.email.as_ref().map(|email| email.reveal().clone()),
    };
    to_json(&list.iter().map(shape).collect::<Vec<_>>())
}

/// Representatives, in the order of the feed.
pub fn read_representatives(text: &str) -> Result<Vec<Representative>, StoreError> {
    let read = |it: RepresentativeText| Representative {
        id: RepresentativeId(it.id),
        rank: it.rank,
        title: Private::new(it.title),
        last_name: Private::new(it.last_name),
        first_name: Private::new(it.first_name),
        email: it.email.map(Private::new),
    };
    Ok(from_json::<Vec<RepresentativeText>>(text)?.into_iter().map(read).collect())
}

/// Choices, rank 1 first.
pub fn write_choices(choices: &Choices) -> Result<String, StoreError> {
    let formation = |it: &Formation| FormationText {
        label: it.label.clone(),
        code: it.code.as_ref().map(|code| code.as_str().to_owned()),
        status: it.status.code().to_owned(),
    };
    let shape =
        |it: &Choice| ChoiceText { track: it.track().code().to_owned(), formation: it.formation().map(formation) };
    to_json(&choices.as_slice().iter().map(shape).collect::<Vec<_>>())
}

/// Choices, rank 1 first.
pub fn read_choices(level: Level, text: &str) -> Result<Choices, StoreError> {
    let formation = |it: FormationText| -> Result<Formation, StoreError> {
        let code = it.code.map(|code| MefCode::parse(&code)).transpose();
        Ok(Formation {
            label: it.label,
            code: code.map_err(|_| StoreError::Damaged("unusable formation code"))?,
            status: Status::of_code(&it.status).ok_or(StoreError::Damaged("unknown status"))?,
        })
    };
    let read = |it: ChoiceText| {
        let formation = it.formation.map(formation).transpose()?;
        Choice::new(track_of(&it.track)?, formation).map_err(|_| StoreError::Damaged("a choice breaks R03"))
    };
    let list: Result<Vec<Choice>, StoreError> = from_json::<Vec<ChoiceText>>(text)?.into_iter().map(read).collect();
    Choices::new(level, list?).map_err(|_| StoreError::Damaged("choices break R02"))
}

/// Accepted tracks of a reply.
pub fn write_tracks(tracks: &[Track]) -> Result<String, StoreError> {
    to_json(&tracks.iter().map(|track| track.code()).collect::<Vec<_>>())
}

/// Accepted tracks of a reply.
pub fn read_tracks(text: &str) -> Result<Vec<Track>, StoreError> {
    from_json::<Vec<String>>(text)?.iter().map(|code| track_of(code)).collect()
}

fn verdicts_text(verdicts: &Verdicts) -> VerdictsText {
    match verdicts {
        Verdicts::Opinions(list) => VerdictsText::Opinions(
            list.iter()
                .map(|it| OpinionText {
                    track: it.track.code().to_owned(),
                    value: it.value.code().to_owned(),
                    reason: it.reason.as_ref().map(|reason| reason.reveal().clone()),
                })
                .collect(),
        ),
        Verdicts::Proposals(list) => VerdictsText::Proposals(
            list.iter()
                .map(|it| ProposalText {
                    track: it.track.code().to_owned(),
                    requested: it.requested,
                    accepted: it.accepted,
                })
                .collect(),
        ),
    }
}

fn verdicts_of(shape: VerdictsText) -> Result<Verdicts, StoreError> {
    let opinion = |it: OpinionText| {
        let value = OpinionValue::of_code(&it.value).ok_or(StoreError::Damaged("unknown opinion"))?;
        Ok(Opinion { track: track_of(&it.track)?, value, reason: it.reason.map(Private::new) })
    };
    let proposal =
        |it: ProposalText| Ok(Proposal { track: track_of(&it.track)?, requested: it.requested, accepted: it.accepted });
    Ok(match shape {
        VerdictsText::Opinions(list) => {
            Verdicts::Opinions(list.into_iter().map(opinion).collect::<Result<_, StoreError>>()?)
        }
        VerdictsText::Proposals(list) => {
            Verdicts::Proposals(list.into_iter().map(proposal).collect::<Result<_, StoreError>>()?)
        }
    })
}

/// Verdicts of one response.
pub fn write_verdicts(verdicts: &Verdicts) -> Result<String, StoreError> {
    to_json(&verdicts_text(verdicts))
}

/// Verdicts of one response.
pub fn read_verdicts(text: &str) -> Result<Verdicts, StoreError> {
    verdicts_of(from_json(text)?)
}

/// The responses of one order.
pub fn write_responses(list: &[Response]) -> Result<String, StoreError> {
    let shape = |it: &Response| ResponseText {
        pupil: it.pupil.0,
        version: it.demand_version,
        entered_at_ms: it.entered_at.epoch_ms(),
        council: it.council.to_string(),
        verdicts: verdicts_text(&it.verdicts),
    };
    to_json(&list.iter().map(shape).collect::<Vec<_>>())
}

/// The responses of one order.
pub fn read_responses(text: &str) -> Result<Vec<Response>, StoreError> {
    let read = |it: ResponseText| {
        Ok(Response {
            pupil: PupilId(it.pupil),
            demand_version: it.version,
            entered_at: Timestamp::from_epoch_ms(it.entered_at_ms),
            council: parse_date(&it.council).map_err(|_| StoreError::Damaged("unusable date"))?,
            verdicts: verdicts_of(it.verdicts)?,
        })
    };
    from_json::<Vec<ResponseText>>(text)?.into_iter().map(read).collect()
}

/// Pupils and versions as `100:2,101:0`.
pub fn write_versions<'a>(versions: impl IntoIterator<Item = (&'a PupilId, &'a u32)>) -> String {
    let pairs: Vec<String> = versions.into_iter().map(|(pupil, version)| format!("{pupil}:{version}")).collect();
    pairs.join(",")
}

/// Pupils and versions from `100:2,101:0`.
pub fn read_versions(text: &str) -> Result<BTreeMap<PupilId, u32>, StoreError> {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    let read = |pair: &str| {
        let (pupil, version) = pair.split_once(':')?;
        Some((PupilId(pupil.parse().ok()?), version.parse().ok()?))
    };
    pairs.map(|pair| read(pair).ok_or(StoreError::Damaged("unusable list of versions"))).collect()
}

/// What an anomaly stands for, as the text that makes it unique.
pub fn write_subject(subject: &Subject) -> String {
    match subject {
        Subject::Pupil(pupil, phase) => format!("pupil:{pupil}:{}", phase.map_or("", Phase::code)),
        Subject::Event(seq) => format!("event:{seq}"),
        Subject::Hole(from, to) => format!("hole:{from}:{to}"),
        Subject::Epoch(epoch) => format!("epoch:{epoch}"),
        Subject::File(number) => format!("file:{number}"),
    }
}

/// What an anomaly stands for.
pub fn read_subject(text: &str) -> Result<Subject, StoreError> {
    fn number<T: FromStr>(text: &str) -> Option<T> {
        text.parse().ok()
    }
    let parts: Vec<&str> = text.split(':').collect();
    let subject = match parts.as_slice() {
        ["pupil", pupil, ""] => number(pupil).map(|id| Subject::Pupil(PupilId(id), None)),
        ["pupil", pupil, code] => {
            number(pupil).zip(Phase::of_code(code)).map(|(id, phase)| Subject::Pupil(PupilId(id), Some(phase)))
        }
        ["event", seq] => number(seq).map(Subject::Event),
        ["hole", from, to] => number(from).zip(number(to)).map(|(from, to)| Subject::Hole(from, to)),
        ["epoch", epoch] => number(epoch).map(Subject::Epoch),
        ["file", file] => number(file).map(Subject::File),
        _ => None,
    };
    subject.ok_or(StoreError::Damaged("unknown subject of an anomaly"))
}

/// A campaign as staff read it in the journal: `3E DEFINITIVE`.
pub fn campaign_words(key: CampaignKey) -> String {
    format!("{} {}", key.level.code(), key.phase.code())
}

#[cfg(test)]
mod tests {
    use crate::domain::time::Date;
    use crate::store::texts::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(Subject::Pupil(PupilId(100), None))]
    #[case(Subject::Pupil(PupilId(-1), Some(Phase::Definitive)))]
    #[case(Subject::Event(u64::MAX))]
    #[case(Subject::Hole(3, 5))]
    #[case(Subject::Epoch(2))]
    #[case(Subject::File(99_999))]
    fn every_subject_reads_back(#[case] subject: Subject) {
        assert_eq!(read_subject(&write_subject(&subject)).unwrap(), subject);
    }

    #[rstest]
    #[case("100:x")]
    #[case("100")]
    #[case("100:1,,:")]
    fn broken_versions_are_damage(#[case] text: &str) {
        assert!(matches!(read_versions(text), Err(StoreError::Damaged(_))));
    }

    proptest! {
        #[test]
        fn versions_read_back(versions: BTreeMap<i64, u32>) {
            let versions: BTreeMap<PupilId, u32> = versions.into_iter().map(|(id, it)| (PupilId(id), it)).collect();
            prop_assert_eq!(read_versions(&write_versions(&versions)).unwrap(), versions);
        }

        #[test]
        fn choices_and_responses_read_back(label in "\\PC{1,40}", reason in "\\PC{0,40}", coded: bool) {
            let code = coded.then(|| MefCode::parse("2472541231").unwrap());
            let formation = Formation { label, code, status: Status::Apprentice };
            let choices = vec![Choice::new(Track::SecondeGt, None), Choice::new(Track::Cap, Some(formation))];
            let choices = Choices::new(Level::Troisieme, choices.into_iter().map(Result::unwrap).collect()).unwrap();
            prop_assert_eq!(&read_choices(Level::Troisieme, &write_choices(&choices).unwrap()).unwrap(), &choices);
            let opinion = Opinion { track: Track::Cap, value: OpinionValue::Reserved, reason: Some(Private::new(reason)) };
            let proposal = Proposal { track: Track::SecondePro, requested: true, accepted: false };
            for verdicts in [Verdicts::Opinions(vec![opinion]), Verdicts::Proposals(vec![proposal])] {
                prop_assert_eq!(&read_verdicts(&write_verdicts(&verdicts).unwrap()).unwrap(), &verdicts);
                let response = Response {
                    pupil: PupilId(100),
                    demand_version: coded.then_some(2),
                    entered_at: Timestamp::from_epoch_ms(1_590_000_000_123),
                    council: Date::from_ymd_opt(2020, 5, 28).unwrap(),
                    verdicts,
                };
                let list = vec![response];
                prop_assert_eq!(read_responses(&write_responses(&list).unwrap()).unwrap(), list);
            }
        }
    }
}
