//! Orders to the téléservice and its answers to them, with the names that orders have over folders.

use crate::codec::{
    Fault,
    json::{
        bad_member, instant, read,
        refusals::{RefusedPupil, of_wire, to_wire},
        write,
    },
};
use crate::domain::{
    campaign::{CampaignKey, Phase},
    order::{Motive, ResponseOrder, WindowOrder},
    pupil::{Private, PupilId},
    response::{Opinion, OpinionValue, Proposal, Response, Verdicts},
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::{Timestamp, Zone, parse_date},
    track::Track,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};

const YES: &str = "OUI";
const NO: &str = "NON";

/// Which of the two orders a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderKind {
    /// `OUV`: opens or closes.
    Window,
    /// `REP`: carries responses.
    Responses,
}

impl OrderKind {
    const ALL: [Self; 2] = [Self::Window, Self::Responses];

    const fn code(self) -> &'static str {
        match self {
            Self::Window => "OUV",
            Self::Responses => "REP",
        }
    }
}

/// The name of an order, or of its refusal, over folders: `{UAI}-{AAAA}-{PALIER}-{PHASE}-{OUV|REP}-{NUM:05}.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderName {
    /// Campaign.
    pub key: CampaignKey,
    /// Which order.
    pub kind: OrderKind,
    /// Its number.
    pub number: u32,
}

impl OrderName {
    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".json")?.split('-');
        let uai = Uai::parse(parts.next()?).ok()?;
        let year = SchoolYear::parse(parts.next()?).ok()?;
        let level = Level::of_code(parts.next()?)?;
        let phase = Phase::of_code(parts.next()?)?;
        let code = parts.next()?;
        let kind = OrderKind::ALL.into_iter().find(|kind| kind.code() == code)?;
        let number = parts.next()?.parse().ok()?;
        let parsed = Self { key: CampaignKey { school: SchoolKey { uai, year }, level, phase }, kind, number };
        (parts.next().is_none() && parsed.to_string() == name).then_some(parsed)
    }
}

impl fmt::Display for OrderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{:05}.json", self.key, self.kind.code(), self.number)
    }
}

#[derive(Serialize, Deserialize)]
struct WireWindow {
    ouvert: bool,
    motif: String,
    ordre: u32,
}

/// The body of a window order.
pub fn encode_window(order: &WindowOrder) -> String {
    write(&WireWindow { ouvert: order.open, motif: order.motive.code().to_owned(), ordre: order.number })
}

/// Reads the body of a window order for `key`.
///
/// # Errors
/// `JSON` when it is none, `VALEUR` for an unknown `motif`.
pub fn decode_window(key: CampaignKey, bytes: &[u8]) -> Result<WindowOrder, Fault> {
    let WireWindow { ouvert, motif, ordre } = read(bytes, "a window order")?;
    let motive = Motive::of_code(&motif).ok_or_else(|| bad_member("motif"))?;
    Ok(WindowOrder { key, number: ordre, open: ouvert, motive })
}

/// What the téléservice answers to a window order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowAnswer {
    /// Whether the service is open now.
    pub open: bool,
    /// Since when.
    pub at: Timestamp,
    /// The event that made it so.
    pub seq: u64,
}

#[derive(Serialize, Deserialize)]
struct WireWindowAnswer {
    ouvert: bool,
    le: String,
    seq: u64,
}

/// The body of the answer to a window order.
pub fn encode_window_answer(answer: &WindowAnswer, zone: Zone) -> String {
    write(&WireWindowAnswer { ouvert: answer.open, le: answer.at.rfc3339_in(zone), seq: answer.seq })
}

/// Reads the answer to a window order.
///
/// # Errors
/// `JSON` when it is none, `VALEUR` when `le` is no instant.
pub fn decode_window_answer(bytes: &[u8]) -> Result<WindowAnswer, Fault> {
    let WireWindowAnswer { ouvert, le, seq } = read(bytes, "an answer to a window order")?;
    Ok(WindowAnswer { open: ouvert, at: instant(&le, "le")?, seq })
}

#[derive(Serialize, Deserialize)]
struct WireResponses {
    num: u32,
    reponses: Vec<WireResponse>,
}

#[derive(Serialize, Deserialize)]
struct WireResponse {
    eleve_id: i64,
    saisie_le: String,
    conseil: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    avis: Vec<WireOpinion>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    propositions: Vec<WireProposal>,
}

#[derive(Serialize, Deserialize)]
struct WireOpinion {
    voie: String,
    valeur: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    motif: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WireProposal {
    voie: String,
    demandee: bool,
    valeur: String,
}

/// The body of a response order. The version that the council saw does not travel: the téléservice locks the demand
/// that it holds.
pub fn encode_responses(order: &ResponseOrder, zone: Zone) -> String {
    let reponses = order.responses.iter().map(|response| response_to_wire(response, zone)).collect();
    write(&WireResponses { num: order.number, reponses })
}

fn response_to_wire(response: &Response, zone: Zone) -> WireResponse {
    let (avis, propositions) = match &response.verdicts {
        Verdicts::Opinions(opinions) => (opinions.iter().map(opinion_to_wire).collect(), Vec::new()),
        Verdicts::Proposals(proposals) => (Vec::new(), proposals.iter().map(proposal_to_wire).collect()),
    };
    let saisie_le = response.entered_at.rfc3339_in(zone);
    WireResponse { eleve_id: response.pupil.0, saisie_le, conseil: response.council.to_string(), avis, propositions }
}

fn opinion_to_wire(opinion: &Opinion) -> WireOpinion {
    WireOpinion {
        voie: opinion.track.code().to_owned(),
        valeur: opinion.value.code().to_owned(),
        motif: opinion.reason.as_ref().map(|reason| reason.reveal().clone()),
    }
}

fn proposal_to_wire(proposal: &Proposal) -> WireProposal {
    WireProposal {
        voie: proposal.track.code().to_owned(),
        demandee: proposal.requested,
        valeur: if proposal.accepted { YES } else { NO }.to_owned(),
    }
}

/// Reads the body of a response order for `key`.
///
/// # Errors
/// `JSON` when it is none; `VALEUR` for a value that the phase or level does not know, a missing reason, or a pupil or
/// track that stands twice.
pub fn decode_responses(key: CampaignKey, bytes: &[u8]) -> Result<ResponseOrder, Fault> {
    let wire: WireResponses = read(bytes, "a response order")?;
    let mut pupils = BTreeSet::new();
    let mut responses = Vec::with_capacity(wire.reponses.len());
    for response in wire.reponses {
        if !pupils.insert(response.eleve_id) {
            return Err(bad_member("eleve_id"));
        }
        responses.push(response_of_wire(key, response)?);
    }
    Ok(ResponseOrder { key, number: wire.num, responses })
}

fn response_of_wire(key: CampaignKey, wire: WireResponse) -> Result<Response, Fault> {
    let verdicts = match key.phase {
        Phase::Provisional if wire.propositions.is_empty() && !wire.avis.is_empty() => {
            let opinions = wire.avis.into_iter().map(|opinion| opinion_of_wire(key.level, opinion));
            Verdicts::Opinions(each_once(opinions, |opinion| opinion.track)?)
        }
        Phase::Definitive if wire.avis.is_empty() && !wire.propositions.is_empty() => {
            let proposals = wire.propositions.into_iter().map(|proposal| proposal_of_wire(key.level, &proposal));
            Verdicts::Proposals(each_once(proposals, |proposal| proposal.track)?)
        }
        Phase::Provisional => return Err(bad_member("avis")),
        Phase::Definitive => return Err(bad_member("propositions")),
    };
    Ok(Response {
        pupil: PupilId(wire.eleve_id),
        demand_version: None,
        entered_at: instant(&wire.saisie_le, "saisie_le")?,
        council: parse_date(&wire.conseil).map_err(|_| bad_member("conseil"))?,
        verdicts,
    })
}

fn each_once<T>(read: impl Iterator<Item = Result<T, Fault>>, track: impl Fn(&T) -> Track) -> Result<Vec<T>, Fault> {
    let verdicts = read.collect::<Result<Vec<T>, Fault>>()?;
    let tracks: BTreeSet<Track> = verdicts.iter().map(track).collect();
    if tracks.len() == verdicts.len() { Ok(verdicts) } else { Err(bad_member("voie")) }
}

fn track_of(level: Level, code: &str) -> Result<Track, Fault> {
    Track::of_code(code).filter(|track| track.level() == level).ok_or_else(|| bad_member("voie"))
}

fn opinion_of_wire(level: Level, wire: WireOpinion) -> Result<Opinion, Fault> {
    let value = OpinionValue::of_code(&wire.valeur).ok_or_else(|| bad_member("valeur"))?;
    if value.needs_reason() && wire.motif.is_none() {
        return Err(bad_member("motif"));
    }
    Ok(Opinion { track: track_of(level, &wire.voie)?, value, reason: wire.motif.map(Private::new) })
}

fn proposal_of_wire(level: Level, wire: &WireProposal) -> Result<Proposal, Fault> {
    let accepted = match wire.valeur.as_str() {
        YES => true,
        NO => false,
        _ => return Err(bad_member("valeur")),
    };
    Ok(Proposal { track: track_of(level, &wire.voie)?, requested: wire.demandee, accepted })
}

/// What the téléservice answers to a response order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponsesAnswer {
    /// How many were applied and locked.
    pub applied: u32,
    /// Which were refused, with the téléservice's code.
    pub refused: Vec<(PupilId, String)>,
}

#[derive(Serialize, Deserialize)]
struct WireResponsesAnswer {
    appliquees: u32,
    refusees: Vec<RefusedPupil>,
}

/// The body of the answer to a response order.
pub fn encode_responses_answer(answer: &ResponsesAnswer) -> String {
    write(&WireResponsesAnswer { appliquees: answer.applied, refusees: to_wire(&answer.refused) })
}

/// Reads the answer to a response order.
///
/// # Errors
/// `JSON` when it is none.
pub fn decode_responses_answer(bytes: &[u8]) -> Result<ResponsesAnswer, Fault> {
    let WireResponsesAnswer { appliquees, refusees } = read(bytes, "an answer to a response order")?;
    Ok(ResponsesAnswer { applied: appliquees, refused: of_wire(refusees) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::{CODE_JSON, CODE_VALUE};
    use crate::domain::time::Date;
    use rstest::rstest;

    fn key(phase: Phase) -> CampaignKey {
        let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
        CampaignKey { school, level: Level::Troisieme, phase }
    }

    fn order(phase: Phase) -> ResponseOrder {
        let verdicts = match phase {
            Phase::Provisional => Verdicts::Opinions(vec![
                Opinion {
                    track: Track::SecondeGt,
                    value: OpinionValue::Reserved,
                    reason: Some("à \"revoir\"".to_owned().into()),
                },
                Opinion { track: Track::Cap, value: OpinionValue::Favourable, reason: None },
            ]),
            Phase::Definitive => Verdicts::Proposals(vec![
                Proposal { track: Track::SecondeGt, requested: true, accepted: false },
                Proposal { track: Track::Cap, requested: false, accepted: true },
            ]),
        };
        let entered_at = Timestamp::parse("2020-05-28T18:05:00+02:00").unwrap();
        let council = Date::from_ymd_opt(2020, 5, 28).unwrap();
        let response = Response { pupil: PupilId(100), demand_version: None, entered_at, council, verdicts };
        ResponseOrder { key: key(phase), number: 3, responses: vec![response] }
    }

    #[rstest]
    fn response_orders_read_back(#[values(Phase::Provisional, Phase::Definitive)] phase: Phase) {
        let body = encode_responses(&order(phase), Zone::Europe__Paris);
        assert!(body.starts_with(r#"{"num":3,"reponses":[{"eleve_id":100,"saisie_le":"2020-05-28T18:05:00+02:00","conseil":"2020-05-28","#), "{body}");
        assert_eq!(decode_responses(key(phase), body.as_bytes()), Ok(order(phase)));
    }

    #[rstest]
    #[case::other_level("\"1CAP\"", "\"1G\"", CODE_VALUE)]
    #[case::unknown_value("\"OUI\"", "\"PEUT-ETRE\"", CODE_VALUE)]
    #[case::same_track_twice("\"1CAP\"", "\"2GT\"", CODE_VALUE)]
    #[case::no_day("2020-05-28\"", "2020-05-32\"", CODE_VALUE)]
    #[case::no_instant("+02:00", "", CODE_VALUE)]
    #[case::opinions_instead("propositions", "avis_", CODE_VALUE)]
    #[case::requested_as_text("\"demandee\":true", "\"demandee\":\"O\"", CODE_JSON)]
    #[case::number_as_text("\"num\":3", "\"num\":\"3\"", CODE_JSON)]
    #[case::doubled("\"num\":3", "\"num\":3,\"num\":3", CODE_JSON)]
    #[case::cut("]}]}", "]}]", CODE_JSON)]
    fn what_is_no_response_order(#[case] right: &str, #[case] wrong: &str, #[case] code: &str) {
        let body = encode_responses(&order(Phase::Definitive), Zone::Europe__Paris);
        let changed = body.replacen(right, wrong, 1);
        assert_ne!(changed, body);
        let fault = decode_responses(key(Phase::Definitive), changed.as_bytes()).unwrap_err();
        assert_eq!(fault.code, code, "{fault}");
    }

    #[test]
    fn a_pupil_stands_once_and_a_reservation_has_its_reason() {
        let mut twice = order(Phase::Definitive);
        twice.responses.extend(order(Phase::Definitive).responses);
        let body = encode_responses(&twice, Zone::Europe__Paris);
        assert_eq!(decode_responses(key(Phase::Definitive), body.as_bytes()).unwrap_err().code, CODE_VALUE);
        let body = encode_responses(&order(Phase::Provisional), Zone::Europe__Paris);
        let body = body.replace(r#","motif":"à \"revoir\"""#, "");
        assert_eq!(decode_responses(key(Phase::Provisional), body.as_bytes()).unwrap_err().code, CODE_VALUE);
    }

    #[test]
    fn window_orders_and_answers_read_back() {
        for motive in Motive::ALL {
            let order = WindowOrder { key: key(Phase::Definitive), number: 12, open: motive == Motive::Hand, motive };
            assert_eq!(decode_window(order.key, encode_window(&order).as_bytes()), Ok(order));
        }
        let order = WindowOrder { key: key(Phase::Definitive), number: 12, open: false, motive: Motive::Closing };
        assert_eq!(encode_window(&order), r#"{"ouvert":false,"motif":"R08","ordre":12}"#);
        assert_eq!(
            decode_window(order.key, br#"{"ouvert":false,"motif":"R99","ordre":12}"#).unwrap_err().code,
            CODE_VALUE
        );
        let at = Timestamp::parse("2020-05-25T18:00:00+02:00").unwrap();
        let answer = WindowAnswer { open: false, at, seq: 413 };
        let body = encode_window_answer(&answer, Zone::Europe__Paris);
        assert_eq!(body, r#"{"ouvert":false,"le":"2020-05-25T18:00:00+02:00","seq":413}"#);
        assert_eq!(decode_window_answer(body.as_bytes()), Ok(answer));
        let answer = ResponsesAnswer { applied: 24, refused: vec![(PupilId(100), "LOCKED".to_owned())] };
        let body = encode_responses_answer(&answer);
        assert_eq!(body, r#"{"appliquees":24,"refusees":[{"eleve_id":100,"code":"LOCKED"}]}"#);
        assert_eq!(decode_responses_answer(body.as_bytes()), Ok(answer));
    }

    #[rstest]
    #[case("0380001V-2019-3E-DEFINITIVE-OUV-00012.json", true)]
    #[case("0380001V-2019-2GT-PROVISOIRE-REP-00003.json", true)]
    #[case("0380001V-2019-3E-DEFINITIVE-OUV-12.json", false)]
    #[case("0380001V-2019-3E-DEFINITIVE-DEM-00012.json", false)]
    #[case("0380001V-2019-3E-DEFINITIVE-OUV-00012.json.sha256", false)]
    #[case("0380001v-2019-3E-DEFINITIVE-OUV-00012.json", false)]
    fn names_of_orders(#[case] name: &str, #[case] right: bool) {
        assert_eq!(OrderName::parse(name).map(|parsed| parsed.to_string()), right.then(|| name.to_owned()));
    }
}
