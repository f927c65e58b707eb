//! A response file's rows, judged against what is known of its pupils: every row ends applied, unchanged, or in a named
//! anomaly. The envelope was judged before; whether the campaign is closed is the guard's to say.

use crate::check::text::{self, ControlCharacter};
use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    campaign::{CampaignKey, Phase},
    demand::Choices,
    lot::Format,
    pupil::{Division, Ine, Private, PupilId},
    response::{Opinion, OpinionValue, Proposal, RawResponse, RawVerdict, Response, Verdicts},
    school::Level,
    time::{Date, Timestamp},
    track::Track,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a pupil in the campaign of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// False once the pupil left.
    pub present: bool,
    /// The pupil's level.
    pub level: Level,
    /// Every version accepted in this phase.
    pub demands: BTreeMap<u32, Choices>,
    /// The last of them.
    pub last_version: Option<u32>,
    /// The response that stands.
    pub applied: Option<Response>,
}

/// What the rows of a file are judged with.
#[derive(Clone, Copy)]
pub struct FileContext<'a> {
    /// Campaign of the file.
    pub key: CampaignKey,
    /// Its format: in CSV a row is one pupil and track.
    pub format: Format,
    /// The pupils of the school.
    pub pupils: &'a BTreeMap<PupilId, Known>,
    /// Whether another school of this installation has this pupil.
    pub elsewhere: &'a (dyn Fn(PupilId, Option<&Ine>) -> bool + Sync),
    /// Now.
    pub now: Timestamp,
}

/// What becomes of a file's rows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Checked {
    /// New and changed responses, by pupil.
    pub apply: Vec<Response>,
    /// Pupils whose response already stands just so.
    pub unchanged: u32,
    /// Pupils among `apply` whose council did not see the last validated version (R17).
    pub stale: Vec<PupilId>,
    /// One for each pupil refused, and a `PERIMEE` for each of `stale`.
    pub anomalies: Vec<Anomaly>,
    /// Every pupil of this school whom the file answers for, refused ones included.
    pub received: BTreeSet<PupilId>,
    /// The latest `SAISIE_LE`, rows refused included.
    pub latest_entered_at: Option<Timestamp>,
    /// Pupils among `apply` whose standing response would read otherwise.
    pub changes: Vec<PupilId>,
}

/// Judges a file's rows, in whatever order they come. Each pupil is applied or refused alone, once.
pub fn check(rows: Vec<RawResponse>, context: &FileContext<'_>) -> Checked {
    let latest_entered_at = rows.iter().map(|row| row.entered_at).max();
    let mut checked = Checked { latest_entered_at, ..Checked::default() };
    // Another school's rows never spoil those of a pupil of ours who has the same ELEVE_ID.
    let mut pupils: BTreeMap<(PupilId, bool), Vec<RawResponse>> = BTreeMap::new();
    for row in rows {
        pupils.entry((row.pupil, row.other_school)).or_default().push(row);
    }
    for ((pupil, other_school), mut rows) in pupils {
        if !other_school {
            checked.received.insert(pupil);
        }
        rows.sort_by_key(|row| row.rank);
        match one(&rows, context) {
            Ok(standing) => checked.stand(standing, context),
            Err(Refused(code, detail)) => checked.anomalies.push(anomaly(code, pupil, detail, context)),
        }
    }
    checked
}

/// Why a pupil's rows are refused: rank and parameters, without names or reasons.
struct Refused(Code, String);

/// A response that may stand, and how it relates to the one that does.
struct Standing<'a> {
    response: Response,
    known: &'a Known,
    rank: u32,
}

impl Checked {
    fn stand(&mut self, standing: Standing<'_>, context: &FileContext<'_>) {
        let Standing { response, known, rank } = standing;
        if known.applied.as_ref() == Some(&response) {
            self.unchanged += 1;
            return;
        }
        let pupil = response.pupil;
        if known.applied.as_ref().is_some_and(|applied| reads_otherwise(applied, &response)) {
            self.changes.push(pupil);
        }
        if response.demand_version != known.last_version {
            // R17: applied all the same, the school is told.
            let versions = text::stale(response.demand_version, known.last_version);
            self.stale.push(pupil);
            self.anomalies.push(anomaly(Code::Perimee, pupil, format!("rang {rank}, {versions}"), context));
        }
        self.apply.push(response);
    }
}

fn anomaly(code: Code, pupil: PupilId, detail: String, context: &FileContext<'_>) -> Anomaly {
    Anomaly { code, subject: Subject::Pupil(pupil, Some(context.key.phase)), at: context.now, detail }
}

/// Whether a family would read something else; a later instant of entry alone changes nothing for it.
fn reads_otherwise(applied: &Response, response: &Response) -> bool {
    *applied != Response { entered_at: applied.entered_at, ..response.clone() }
}

/// One pupil's rows, by rank.
fn one<'a>(rows: &[RawResponse], context: &FileContext<'a>) -> Result<Standing<'a>, Refused> {
    let Some(first) = rows.first() else { return Err(Refused(Code::Inconnu, String::new())) };
    let rank = first.rank;
    if let Some(second) = doubled(rows, context.format) {
        return Err(Refused(Code::Doublon, format!("rang {second}")));
    }
    let known = context.pupils.get(&first.pupil);
    let elsewhere = known.is_none() && (context.elsewhere)(first.pupil, first.ine.as_ref());
    if first.other_school || elsewhere {
        return Err(Refused(Code::Etablissement, format!("rang {rank}")));
    }
    let known = known.filter(|it| it.present).ok_or_else(|| Refused(Code::Inconnu, format!("rang {rank}")))?;
    let asked = first.demand_version.and_then(|version| known.demands.get(&version));
    let verdicts = verdicts(rows, known.level, asked, context.key)?;
    let response = Response {
        pupil: first.pupil,
        demand_version: first.demand_version,
        entered_at: first.entered_at,
        council: first.council,
        verdicts,
    };
    if let Some(applied) = &known.applied {
        if response.entered_at < applied.entered_at {
            return Err(Refused(Code::Ancienne, format!("rang {rank}")));
        }
        if response.entered_at == applied.entered_at && response != *applied {
            return Err(Refused(Code::Conflit, format!("rang {rank}")));
        }
    }
    Ok(Standing { response, known, rank })
}

/// The rank of the first row that says a second time, or otherwise, what another one says.
fn doubled(rows: &[RawResponse], format: Format) -> Option<u32> {
    let mut said = Said::default();
    rows.iter().find(|row| said.is_doubled_by(row, format)).map(|row| row.rank)
}

/// What the rows of one pupil said so far.
#[derive(Default)]
struct Said {
    common: Option<Common>,
    tracks: Vec<Track>,
}

/// What every row of a pupil repeats in a CSV.
type Common = (Option<Ine>, Option<u32>, Timestamp, Date, Division);

impl Said {
    /// Takes a row in: whether it says a second time, or otherwise, what one before said.
    fn is_doubled_by(&mut self, row: &RawResponse, format: Format) -> bool {
        let common = (row.ine.clone(), row.demand_version, row.entered_at, row.council, row.division.clone());
        let one_pupil = match (format, &self.common) {
            (_, None) => true,
            (Format::Xml, Some(_)) => false,
            (Format::Csv, Some(first)) => *first == common,
        };
        self.common.get_or_insert(common);
        // Tracks that are not known are told by their own code.
        let known = row.verdicts.iter().filter_map(|verdict| Track::of_code(track_of(verdict)));
        let mut once = true;
        for track in known {
            once &= !self.tracks.contains(&track);
            self.tracks.push(track);
        }
        !one_pupil || !once
    }
}

/// What a response file tells against itself, row by row, before anything is known of its pupils: `DOUBLON`,
/// `ETABLISSEMENT`, `VOIE`, `TEXTE` and `MOTIF`.
pub struct Alone {
    key: CampaignKey,
    format: Format,
    said: BTreeMap<PupilId, Said>,
}

impl Alone {
    /// Nothing was said yet in a file of this campaign.
    pub const fn new(key: CampaignKey, format: Format) -> Self {
        Self { key, format, said: BTreeMap::new() }
    }

    /// The code for which the next row's pupil would be refused whoever it is, with rank and parameters.
    pub fn judge(&mut self, row: &RawResponse) -> Option<(Code, String)> {
        if row.other_school {
            return Some((Code::Etablissement, format!("rang {}", row.rank)));
        }
        if self.said.entry(row.pupil).or_default().is_doubled_by(row, self.format) {
            return Some((Code::Doublon, format!("rang {}", row.rank)));
        }
        let judged = verdicts(std::slice::from_ref(row), self.key.level, None, self.key);
        judged.err().map(|Refused(code, detail)| (code, detail))
    }
}

fn track_of(verdict: &RawVerdict) -> &str {
    match verdict {
        RawVerdict::Opinion { track, .. } | RawVerdict::Proposal { track, .. } => track,
    }
}

/// The verdicts of the file's phase, by track: first all tracks are judged (`VOIE`), then all reasons (`TEXTE`, `MOTIF`).
fn verdicts(
    rows: &[RawResponse],
    level: Level,
    asked: Option<&Choices>,
    key: CampaignKey,
) -> Result<Verdicts, Refused> {
    let voie = |rank: u32, code: &str| Refused(Code::Voie, format!("rang {rank}, voie {code}"));
    let mut opinions = Vec::new();
    let mut proposals = Vec::new();
    for (rank, verdict) in rows.iter().flat_map(|row| row.verdicts.iter().map(|verdict| (row.rank, verdict))) {
        let code = track_of(verdict);
        let track = Track::of_code(code).filter(|track| track.level() == level && level == key.level);
        let track = track.ok_or_else(|| voie(rank, code))?;
        match (verdict, key.phase) {
            (RawVerdict::Opinion { value, reason, .. }, Phase::Provisional)
                if asked.is_none_or(|choices| choices.ask_for(track)) =>
            {
                opinions.push((rank, track, *value, reason));
            }
            (RawVerdict::Proposal { requested, accepted, .. }, Phase::Definitive) => {
                proposals.push(Proposal { track, requested: *requested, accepted: *accepted });
            }
            (RawVerdict::Opinion { .. } | RawVerdict::Proposal { .. }, Phase::Provisional | Phase::Definitive) => {
                return Err(voie(rank, code));
            }
        }
    }
    let mut opinions: Vec<Opinion> = opinions.into_iter().map(opinion).collect::<Result<_, _>>()?;
    opinions.sort();
    proposals.sort();
    if opinions.is_empty() && proposals.is_empty() {
        return Err(voie(rows.first().map_or(0, |row| row.rank), "absente"));
    }
    Ok(match key.phase {
        Phase::Provisional => Verdicts::Opinions(opinions),
        Phase::Definitive => Verdicts::Proposals(proposals),
    })
}

/// An opinion with its reason: missing where the value needs one is `MOTIF`.
fn opinion(
    (rank, track, value, reason): (u32, Track, OpinionValue, &Option<Private<String>>),
) -> Result<Opinion, Refused> {
    let at = || format!("rang {rank}, voie {}", track.code());
    let reason = reason.as_ref().map(|reason| text::normalise(reason.reveal())).transpose();
    let reason = reason.map_err(|ControlCharacter| Refused(Code::Texte, at()))?.filter(|reason| !reason.is_empty());
    if value.needs_reason() && reason.is_none() {
        return Err(Refused(Code::Motif, at()));
    }
    Ok(Opinion { track, value, reason: reason.map(Private::new) })
}

#[cfg(test)]
mod tests {
    use super::{Checked, FileContext, Known, check};
    use crate::domain::{
        anomaly::{Anomaly, Code, Subject},
        campaign::{CampaignKey, Phase},
        demand::{Choice, Choices},
        lot::Format,
        pupil::{Division, Ine, Private, PupilId},
        response::{Opinion, OpinionValue, Proposal, RawResponse, RawVerdict, Response, Verdicts},
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::{Timestamp, parse_date},
        track::Track,
    };
    use Format::{Csv, Xml};
    use OpinionValue::{Favourable, Reserved, Unfavourable};
    use proptest::prelude::*;
    use rstest::rstest;
    use std::collections::{BTreeMap, BTreeSet};

    const NOW: Timestamp = Timestamp::from_epoch_ms(9_000_000);
    /// A pupil whom the other school of the installation has, with this INE or without one in the file.
    const ELSEWHERE: PupilId = PupilId(900);

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_epoch_ms(hour * 3_600_000)
    }

    fn key(phase: Phase) -> CampaignKey {
        let uai = Uai::parse("0380001V").unwrap();
        CampaignKey { school: SchoolKey { uai, year: SchoolYear::new(2019).unwrap() }, level: Level::Troisieme, phase }
    }

    fn opinion(track: &str, value: OpinionValue, reason: Option<&str>) -> RawVerdict {
        RawVerdict::Opinion { track: track.to_owned(), value, reason: reason.map(|it| Private::new(it.to_owned())) }
    }

    fn proposal(track: &str, accepted: bool) -> RawVerdict {
        RawVerdict::Proposal { track: track.to_owned(), requested: false, accepted }
    }

    fn row(rank: u32, pupil: i64, verdicts: Vec<RawVerdict>) -> RawResponse {
        RawResponse {
            rank,
            pupil: PupilId(pupil),
            ine: None,
            demand_version: Some(2),
            entered_at: at(10),
            division: Division::parse("3 A").unwrap(),
            council: parse_date("2020-05-28").unwrap(),
            verdicts,
            other_school: false,
        }
    }

    /// In favour of 2GT, which version 2 asks for.
    fn fine(rank: u32, pupil: i64) -> RawResponse {
        row(rank, pupil, vec![opinion("2GT", Favourable, None)])
    }

    fn applied(pupil: i64, hour: i64, value: OpinionValue) -> Response {
        let reason = value.needs_reason().then(|| Private::new("Trop court".to_owned()));
        Response {
            pupil: PupilId(pupil),
            demand_version: Some(2),
            entered_at: at(hour),
            council: parse_date("2020-05-28").unwrap(),
            verdicts: Verdicts::Opinions(vec![Opinion { track: Track::SecondeGt, value, reason }]),
        }
    }

    fn choices(tracks: &[Track]) -> Choices {
        let tracks = tracks.iter().map(|track| Choice::new(*track, None).unwrap()).collect();
        Choices::new(Level::Troisieme, tracks).unwrap()
    }

    /// Pupil 100 has version 2, 101 left, 102 is of the other level, 103 to 105 have a response, 106 no demand.
    fn pupils() -> BTreeMap<PupilId, Known> {
        let known = Known {
            present: true,
            level: Level::Troisieme,
            demands: BTreeMap::from([(2, choices(&[Track::SecondeGt]))]),
            last_version: Some(2),
            applied: None,
        };
        BTreeMap::from([
            (PupilId(100), known.clone()),
            (PupilId(101), Known { present: false, ..known.clone() }),
            (PupilId(102), Known { level: Level::SecondeGt, ..known.clone() }),
            (PupilId(103), Known { applied: Some(applied(103, 10, Favourable)), ..known.clone() }),
            (PupilId(104), Known { applied: Some(applied(104, 9, Favourable)), ..known.clone() }),
            (PupilId(105), Known { applied: Some(applied(105, 11, Favourable)), ..known.clone() }),
            (PupilId(106), Known { demands: BTreeMap::new(), last_version: None, ..known }),
        ])
    }

    fn checked_among(
        pupils: &BTreeMap<PupilId, Known>,
        rows: Vec<RawResponse>,
        phase: Phase,
        format: Format,
    ) -> Checked {
        let elsewhere = |pupil, ine: Option<&Ine>| pupil == ELSEWHERE && ine.is_none();
        check(rows, &FileContext { key: key(phase), format, pupils, elsewhere: &elsewhere, now: NOW })
    }

    fn checked(rows: Vec<RawResponse>, phase: Phase, format: Format) -> Checked {
        checked_among(&pupils(), rows, phase, format)
    }

    /// What becomes of the rows, in short: pupils applied, `=` the number unchanged, anomalies.
    fn short(checked: &Checked) -> String {
        let applied = checked.apply.iter().map(|response| response.pupil.to_string());
        let unchanged = (checked.unchanged > 0).then(|| format!("={}", checked.unchanged));
        let anomalies = checked.anomalies.iter().map(|it| format!("{}({})", it.code.as_str(), it.detail));
        applied.chain(unchanged).chain(anomalies).collect::<Vec<_>>().join(" ")
    }

    #[rstest]
    #[case(vec![fine(1, 100)], "100")]
    #[case(vec![], "")]
    #[case(vec![fine(2, 777)], "INCONNU(rang 2)")]
    #[case(vec![fine(2, 101)], "INCONNU(rang 2)")]
    #[case(vec![fine(3, 900)], "ETABLISSEMENT(rang 3)")]
    #[case(vec![RawResponse { ine: Ine::parse("123456789AB").ok(), ..fine(3, 900) }], "INCONNU(rang 3)")]
    #[case(vec![RawResponse { other_school: true, ..fine(3, 100) }], "ETABLISSEMENT(rang 3)")]
    #[case(vec![RawResponse { other_school: true, ..fine(3, 777) }], "ETABLISSEMENT(rang 3)")]
    #[case(vec![fine(1, 100), RawResponse { other_school: true, ..fine(2, 100) }], "100 ETABLISSEMENT(rang 2)")]
    // Twice the same pupil, and none of the rows is applied, whatever else is wrong with them.
    #[case(vec![fine(4, 100), fine(1, 100)], "DOUBLON(rang 4)")]
    #[case(vec![fine(1, 777), fine(2, 777)], "DOUBLON(rang 2)")]
    #[case(vec![row(5, 100, vec![opinion("2GT", Favourable, None), opinion("2GT", Unfavourable, Some("x"))])], "DOUBLON(rang 5)")]
    // Tracks.
    #[case(vec![row(3, 100, vec![opinion("1G", Favourable, None)])], "VOIE(rang 3, voie 1G)")]
    #[case(vec![row(3, 100, vec![opinion("3GT", Favourable, None)])], "VOIE(rang 3, voie 3GT)")]
    #[case(vec![row(3, 100, vec![opinion("2GT", Favourable, None), opinion("2PRO", Favourable, None)])], "VOIE(rang 3, voie 2PRO)")]
    #[case(vec![row(3, 100, vec![proposal("2GT", true)])], "VOIE(rang 3, voie 2GT)")]
    #[case(vec![row(3, 100, vec![])], "VOIE(rang 3, voie absente)")]
    #[case(vec![fine(3, 102)], "VOIE(rang 3, voie 2GT)")]
    #[case(vec![row(3, 102, vec![opinion("1G", Favourable, None)])], "VOIE(rang 3, voie 1G)")]
    #[case(vec![row(3, 100, vec![opinion("2GT", Reserved, None), opinion("1G", Favourable, None)])], "VOIE(rang 3, voie 1G)")]
    // Paper demands: any track of the level.
    #[case(vec![RawResponse { demand_version: None, ..row(3, 106, vec![opinion("2PRO", Favourable, None)]) }], "106")]
    // Reasons.
    #[case(vec![row(3, 100, vec![opinion("2GT", Reserved, None)])], "MOTIF(rang 3, voie 2GT)")]
    #[case(vec![row(3, 100, vec![opinion("2GT", Unfavourable, Some(" \u{a0}"))])], "MOTIF(rang 3, voie 2GT)")]
    #[case(vec![row(3, 100, vec![opinion("2GT", Unfavourable, Some("Trop court"))])], "100")]
    #[case(vec![row(3, 100, vec![opinion("2GT", Favourable, Some("a\u{2}"))])], "TEXTE(rang 3, voie 2GT)")]
    // What stands: equal, newer, older, and contradictory rows.
    #[case(vec![fine(1, 103)], "=1")]
    #[case(vec![fine(1, 104)], "104")]
    #[case(vec![fine(1, 105)], "ANCIENNE(rang 1)")]
    #[case(vec![row(1, 103, vec![opinion("2GT", Reserved, Some("x"))])], "CONFLIT(rang 1)")]
    #[case(vec![RawResponse { demand_version: None, ..fine(1, 103) }], "CONFLIT(rang 1)")]
    #[case(vec![row(1, 105, vec![opinion("2GT", Reserved, None)])], "MOTIF(rang 1, voie 2GT)")]
    // R17: applied all the same. Of a version that is not known here, any track of the level.
    #[case(vec![RawResponse { demand_version: Some(1), ..row(6, 100, vec![opinion("2PRO", Favourable, None)]) }],
        "100 PERIMEE(rang 6, version vue 1, dernière 2)")]
    #[case(vec![RawResponse { demand_version: None, ..fine(6, 100) }], "100 PERIMEE(rang 6, version vue aucune, dernière 2)")]
    #[case(vec![fine(6, 106)], "106 PERIMEE(rang 6, version vue 2, dernière aucune)")]
    fn provisional_xml(#[case] rows: Vec<RawResponse>, #[case] expected: &str) {
        assert_eq!(short(&checked(rows, Phase::Provisional, Xml)), expected);
    }

    #[rstest]
    #[case(vec![row(1, 100, vec![proposal("2PRO", true), proposal("2GT", false)])], "100")]
    #[case(vec![row(1, 100, vec![proposal("STMG", true)])], "VOIE(rang 1, voie STMG)")]
    #[case(vec![fine(1, 100)], "VOIE(rang 1, voie 2GT)")]
    fn definitive_xml(#[case] rows: Vec<RawResponse>, #[case] expected: &str) {
        assert_eq!(short(&checked(rows, Phase::Definitive, Xml)), expected);
    }

    fn csv(rank: u32, track: &str) -> RawResponse {
        row(rank, 100, vec![proposal(track, true)])
    }

    #[rstest]
    #[case(vec![csv(1, "2GT"), fine(2, 777), csv(3, "2PRO"), csv(4, "1CAP")], "100 INCONNU(rang 2)")]
    #[case(vec![csv(1, "2GT"), csv(7, "2GT")], "DOUBLON(rang 7)")]
    #[case(vec![csv(1, "2GT"), RawResponse { ine: Ine::parse("123456789AB").ok(), ..csv(2, "2PRO") }], "DOUBLON(rang 2)")]
    #[case(vec![csv(1, "2GT"), RawResponse { demand_version: None, ..csv(2, "2PRO") }], "DOUBLON(rang 2)")]
    #[case(vec![csv(1, "2GT"), RawResponse { entered_at: at(11), ..csv(2, "2PRO") }], "DOUBLON(rang 2)")]
    #[case(vec![csv(1, "2GT"), RawResponse { council: parse_date("2020-05-29").unwrap(), ..csv(2, "2PRO") }], "DOUBLON(rang 2)")]
    #[case(vec![csv(1, "2GT"), RawResponse { division: Division::parse("3 B").unwrap(), ..csv(2, "2PRO") }], "DOUBLON(rang 2)")]
    #[case(vec![csv(1, "2GT"), csv(2, "STMG")], "VOIE(rang 2, voie STMG)")]
    fn definitive_csv(#[case] rows: Vec<RawResponse>, #[case] expected: &str) {
        assert_eq!(short(&checked(rows, Phase::Definitive, Csv)), expected);
    }

    #[test]
    fn a_response_is_kept_by_track_with_its_reasons_normalised() {
        let known = Known { demands: BTreeMap::new(), ..pupils().remove(&PupilId(100)).unwrap() };
        let among = BTreeMap::from([(PupilId(100), known)]);
        let verdicts =
            vec![opinion("1CAP", Reserved, Some(" Peu\u{a0}de places\n")), opinion("2GT", Favourable, Some(" "))];
        let checked = checked_among(&among, vec![row(1, 100, verdicts)], Phase::Provisional, Xml);
        let reason = Some(Private::new("Peu de places".to_owned()));
        let opinions = vec![
            Opinion { track: Track::SecondeGt, value: Favourable, reason: None },
            Opinion { track: Track::Cap, value: Reserved, reason },
        ];
        let expected = Response { verdicts: Verdicts::Opinions(opinions), ..applied(100, 10, Favourable) };
        assert_eq!(checked.apply, [expected]);
    }

    #[test]
    fn proposals_are_kept_by_track() {
        let asked = RawVerdict::Proposal { track: "2GT".to_owned(), requested: true, accepted: false };
        let checked = checked(vec![row(1, 100, vec![proposal("2PRO", true), asked])], Phase::Definitive, Xml);
        let proposals = vec![
            Proposal { track: Track::SecondeGt, requested: true, accepted: false },
            Proposal { track: Track::SecondePro, requested: false, accepted: true },
        ];
        assert_eq!(checked.apply.first().map(|it| &it.verdicts), Some(&Verdicts::Proposals(proposals)));
    }

    #[test]
    fn what_changes_is_told_apart_from_what_is_only_entered_again() {
        let otherwise = row(2, 104, vec![opinion("2GT", Reserved, Some("x"))]);
        let again = checked(vec![fine(1, 104)], Phase::Provisional, Xml);
        assert_eq!((again.apply.len(), again.changes), (1, vec![]));
        let changed = checked(vec![fine(1, 100), otherwise], Phase::Provisional, Xml);
        assert_eq!((changed.apply.len(), changed.changes), (2, vec![PupilId(104)]));
    }

    #[test]
    fn refused_rows_count_as_received_but_another_schools_do_not() {
        let late = RawResponse { entered_at: at(30), other_school: true, ..fine(3, 104) };
        let unknown = RawResponse { entered_at: at(20), ..fine(2, 777) };
        let stale = RawResponse { demand_version: Some(1), ..fine(1, 100) };
        let checked = checked(vec![stale, unknown, late], Phase::Provisional, Xml);
        assert_eq!(checked.received, BTreeSet::from([PupilId(100), PupilId(777)]));
        assert_eq!(checked.latest_entered_at, Some(at(30)));
        assert_eq!(checked.stale, [PupilId(100)]);
        let subject = Subject::Pupil(PupilId(100), Some(Phase::Provisional));
        let detail = "rang 1, version vue 1, dernière 2".to_owned();
        assert_eq!(checked.anomalies.first(), Some(&Anomaly { code: Code::Perimee, subject, at: NOW, detail }));
    }

    fn any_row() -> impl Strategy<Value = RawResponse> {
        let track = prop_oneof![3 => Just("2GT"), 1 => Just("2PRO"), 1 => Just("1G"), 1 => Just("?")];
        let value = prop_oneof![3 => Just(Favourable), 1 => Just(Reserved), 1 => Just(Unfavourable)];
        let id = prop_oneof![6 => 100..107_i64, 1 => Just(777_i64), 1 => Just(900_i64)];
        let version = prop_oneof![3 => Just(Some(2)), 1 => Just(Some(1)), 1 => Just(None)];
        (track, value, id, version, 9..12_i64, any::<bool>(), proptest::bool::weighted(0.1)).prop_map(
            |(track, value, id, demand_version, hour, reasoned, other_school)| RawResponse {
                demand_version,
                entered_at: at(hour),
                other_school,
                ..row(0, id, vec![opinion(track, value, reasoned.then_some("Parce que"))])
            },
        )
    }

    fn any_file() -> impl Strategy<Value = (Vec<RawResponse>, Format)> {
        let rows = proptest::collection::vec(any_row(), 0..20);
        (rows, prop_oneof![Just(Xml), Just(Csv)]).prop_map(|(rows, format)| {
            (rows.into_iter().zip(1..).map(|(row, rank)| RawResponse { rank, ..row }).collect(), format)
        })
    }

    proptest! {
        #[test]
        fn every_row_ends_applied_unchanged_or_in_one_named_anomaly((rows, format) in any_file()) {
            let answered: BTreeSet<(PupilId, bool)> = rows.iter().map(|row| (row.pupil, row.other_school)).collect();
            let checked = checked(rows, Phase::Provisional, format);
            let refused = checked.anomalies.iter().filter(|it| it.code != Code::Perimee).count();
            let unchanged = usize::try_from(checked.unchanged).unwrap();
            prop_assert_eq!(checked.apply.len() + unchanged + refused, answered.len());
            let applied: BTreeSet<PupilId> = checked.apply.iter().map(|it| it.pupil).collect();
            prop_assert_eq!(applied.len(), checked.apply.len());
            prop_assert!(checked.stale.iter().chain(&checked.changes).all(|pupil| applied.contains(pupil)));
            for anomaly in &checked.anomalies {
                let Subject::Pupil(pupil, Some(Phase::Provisional)) = anomaly.subject else { panic!("{anomaly:?}") };
                let ours = applied.contains(&pupil);
                let beside = matches!(anomaly.code, Code::Perimee | Code::Etablissement | Code::Doublon);
                prop_assert!(beside || !ours, "{:?}", anomaly);
            }
        }

        #[test]
        fn the_order_of_rows_does_not_matter((rows, format) in any_file(), turn in 0..20_usize) {
            let mut turned = rows.clone();
            turned.rotate_left(turn.min(rows.len()));
            turned.reverse();
            prop_assert_eq!(checked(turned, Phase::Provisional, format), checked(rows, Phase::Provisional, format));
        }

        #[test]
        fn a_file_taken_twice_changes_nothing_more((rows, format) in any_file()) {
            let mut among = pupils();
            let first = checked_among(&among, rows.clone(), Phase::Provisional, format);
            for response in &first.apply {
                among.get_mut(&response.pupil).unwrap().applied = Some(response.clone());
            }
            let second = checked_among(&among, rows, Phase::Provisional, format);
            prop_assert_eq!(second.apply, vec![]);
            prop_assert_eq!(usize::try_from(second.unchanged).unwrap(), first.apply.len() + usize::try_from(first.unchanged).unwrap());
        }
    }
}
