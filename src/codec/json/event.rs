//! One event of the feed, both ways. Shape and types are judged here, rules in `check::events`; texts stay as typed.

use crate::codec::{
    envelope::one_spaced,
    json::loose::{Loose, canonical},
};
use crate::domain::{
    campaign::Phase,
    event::{Event, EventKind, RawChoice, RawDemand},
    pupil::{Division, Ine, Private, Pupil, PupilId, REPRESENTATIVES_MAX, Representative, RepresentativeId},
    school::Level,
    time::{Timestamp, Zone},
    track::Track,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Highest number that the store's 64-bit columns hold.
const NUMBER_MAX: u64 = i64::MAX.unsigned_abs();
/// Highest identifier: what has more than 18 digits could not leave in a lot.
const ID_MAX: i64 = 999_999_999_999_999_999;
/// A type that no feed has: what an unreadable event is written as.
const UNREADABLE: &str = "ILLISIBLE";

/// Why an event is unreadable: which member, never its value.
type Why = String;

/// The event of a JSON value. `position` is its place in the feed as far as the file or page tells; it stands in for a
/// `seq` that is missing or wrong, so that the feed can go on behind it. Such an event, or one without a right `le`,
/// is unreadable; an instant that is not there is then the epoch.
pub fn event_of(loose: &Loose, position: u64) -> Event {
    let Value::Object(members) = &loose.value else {
        return Event { seq: position, at: Timestamp::from_epoch_ms(0), kind: unreadable(None, "it is no object") };
    };
    let fields = Fields(members);
    let seq = fields.number("seq");
    let at = fields.instant("le");
    let kind = match (&seq, &at, loose.doubled) {
        (_, _, true) => Err("a member stands twice".to_owned()),
        (Err(why), ..) | (_, Err(why), _) => Err(why.clone()),
        (Ok(_), Ok(_), false) => kind_of(&fields),
    };
    Event {
        seq: seq.unwrap_or(position),
        at: at.unwrap_or(Timestamp::from_epoch_ms(0)),
        kind: kind.unwrap_or_else(|why| unreadable(Some(&fields), &why)),
    }
}

/// The event of a text; `position` as in `event_of`. A text that is no JSON is unreadable too.
pub fn decode_event(text: &str, position: u64) -> Event {
    let no_json = |_| Loose { value: Value::Null, doubled: false };
    event_of(&serde_json::from_str(text).unwrap_or_else(no_json), position)
}

fn unreadable(fields: Option<&Fields<'_>>, why: &str) -> EventKind {
    EventKind::Unreadable {
        pupil: fields.and_then(|fields| fields.pupil().ok()),
        phase: fields.and_then(|fields| fields.phase().ok()),
        why: why.to_owned(),
    }
}

fn kind_of(fields: &Fields<'_>) -> Result<EventKind, Why> {
    match fields.text("type")? {
        "ELEVE" => pupil_of(fields).map(EventKind::Pupil),
        "ELEVE_SORTI" => fields.pupil().map(EventKind::PupilLeft),
        "DEMANDE" => demand_of(fields).map(EventKind::Demand),
        "ACCUSE" => Ok(EventKind::Acknowledged {
            pupil: fields.pupil()?,
            level: fields.level()?,
            representative: fields.representative()?,
        }),
        "REPONSE_FAMILLE" => reply_of(fields),
        "OUVERTURE" => Ok(EventKind::Window {
            level: fields.level()?,
            phase: fields.phase()?,
            open: fields.flag("ouvert")?,
            motive: fields.text("motif")?.to_owned(),
            order: fields.maybe("ordre", Fields::small)?,
        }),
        "VERROU" => Ok(EventKind::Locked {
            pupil: fields.pupil()?,
            level: fields.level()?,
            phase: fields.phase()?,
            order: fields.small("num")?,
        }),
        _ => Err("`type` is unknown".to_owned()),
    }
}

fn pupil_of(fields: &Fields<'_>) -> Result<Pupil, Why> {
    let ine = fields.maybe("ine", Fields::text)?;
    let division = Division::parse(&one_spaced(fields.text("division")?));
    let representatives: Vec<Representative> =
        fields.objects("representants")?.iter().map(representative_of).collect::<Result<_, _>>()?;
    if REPRESENTATIVES_MAX < representatives.len() {
        return Err(format!("`representants` has more than {REPRESENTATIVES_MAX}"));
    }
    Ok(Pupil {
        id: fields.pupil()?,
        ine: ine.map(|ine| Ine::parse(ine.trim())).transpose().map_err(|_| wrong("ine"))?,
        level: fields.level()?,
        division: division.map_err(|_| wrong("division"))?,
        last_name: fields.private("nom")?,
        first_name: fields.private("prenom")?,
        in_procedure: fields.flag("en_procedure")?,
        representatives,
    })
}

fn representative_of(fields: &Fields<'_>) -> Result<Representative, Why> {
    let rank = fields.small("rang")?;
    let rank = u8::try_from(rank).ok().filter(|rank| usize::from(*rank) <= REPRESENTATIVES_MAX);
    Ok(Representative {
        id: RepresentativeId(fields.id("id")?),
        rank: rank.ok_or_else(|| wrong("rang"))?,
        title: fields.private("civilite")?,
        last_name: fields.private("nom")?,
        first_name: fields.private("prenom")?,
        email: fields.maybe("courriel", Fields::private)?,
    })
}

fn demand_of(fields: &Fields<'_>) -> Result<RawDemand, Why> {
    let choices = fields.objects("choix")?;
    Ok(RawDemand {
        pupil: fields.pupil()?,
        level: fields.level()?,
        phase: fields.phase()?,
        version: fields.small("version")?,
        representative: fields.representative()?,
        choices: choices.iter().map(choice_of).collect::<Result<_, _>>()?,
    })
}

/// R02 and R03 are judged elsewhere: a rank or track of any value will do here.
fn choice_of(fields: &Fields<'_>) -> Result<RawChoice, Why> {
    let text = |name| fields.maybe(name, Fields::text).map(|text| text.map(str::to_owned));
    Ok(RawChoice {
        rank: fields.get("rang")?.as_i64().ok_or_else(|| wrong("rang"))?,
        track: fields.text("voie")?.to_owned(),
        formation: text("formation")?,
        code: text("code_formation")?,
        status: text("statut")?,
    })
}

fn reply_of(fields: &Fields<'_>) -> Result<EventKind, Why> {
    let agrees = fields.flag("accord")?;
    let tracks = fields.get("voies")?.as_array().ok_or_else(|| wrong("voies"))?.iter();
    let tracks = tracks.map(|track| track.as_str().and_then(Track::of_code));
    let mut accepted = tracks.collect::<Option<Vec<Track>>>().ok_or_else(|| wrong("voies"))?;
    // A track that is named twice is accepted once: a lot has one VOIE for each accepted proposal.
    let mut named = BTreeSet::new();
    accepted.retain(|track| named.insert(*track));
    // A family accepts one or more proposals, or disagrees (glossary): anything else says both.
    if agrees == accepted.is_empty() {
        return Err("`voies` contradicts `accord`".to_owned());
    }
    let (pupil, level, representative) = (fields.pupil()?, fields.level()?, fields.representative()?);
    Ok(EventKind::Replied { pupil, level, representative, agrees, accepted })
}

fn wrong(name: &str) -> Why {
    format!("`{name}` is not what it should be")
}

/// The members of one object, each read as one type.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Result<&'a Value, Why> {
        self.0.get(name).ok_or_else(|| format!("`{name}` is missing"))
    }

    /// A member that may be absent or null.
    fn maybe<T>(&self, name: &str, read: impl Fn(&Self, &str) -> Result<T, Why>) -> Result<Option<T>, Why> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => read(self, name).map(Some),
        }
    }

    fn text(&self, name: &str) -> Result<&'a str, Why> {
        self.get(name)?.as_str().ok_or_else(|| wrong(name))
    }

    fn private(&self, name: &str) -> Result<Private<String>, Why> {
        self.text(name).map(|text| Private::new(text.to_owned()))
    }

    fn flag(&self, name: &str) -> Result<bool, Why> {
        self.get(name)?.as_bool().ok_or_else(|| wrong(name))
    }

    /// A whole number from 1.
    fn number(&self, name: &str) -> Result<u64, Why> {
        let number = self.get(name)?.as_u64().filter(|number| (1..=NUMBER_MAX).contains(number));
        number.ok_or_else(|| wrong(name))
    }

    fn small(&self, name: &str) -> Result<u32, Why> {
        u32::try_from(self.number(name)?).map_err(|_| wrong(name))
    }

    fn id(&self, name: &str) -> Result<i64, Why> {
        let id = self.get(name)?.as_i64().filter(|id| (0..=ID_MAX).contains(id));
        id.ok_or_else(|| wrong(name))
    }

    fn instant(&self, name: &str) -> Result<Timestamp, Why> {
        Timestamp::parse(self.text(name)?).map_err(|_| wrong(name))
    }

    fn objects(&self, name: &str) -> Result<Vec<Fields<'a>>, Why> {
        let items = self.get(name)?.as_array().ok_or_else(|| wrong(name))?.iter();
        items.map(|item| item.as_object().map(Fields)).collect::<Option<_>>().ok_or_else(|| wrong(name))
    }

    fn pupil(&self) -> Result<PupilId, Why> {
        self.id("eleve_id").map(PupilId)
    }

    fn representative(&self) -> Result<RepresentativeId, Why> {
        self.id("representant_id").map(RepresentativeId)
    }

    fn level(&self) -> Result<Level, Why> {
        Level::of_code(self.text("palier")?).ok_or_else(|| wrong("palier"))
    }

    fn phase(&self) -> Result<Phase, Why> {
        Phase::of_code(self.text("phase")?).ok_or_else(|| wrong("phase"))
    }
}

/// An event as one line of canonical JSON, instants with the offset of `zone`. What is unreadable is written as an
/// event of a type that nobody knows.
pub fn encode_event(event: &Event, zone: Zone) -> String {
    let mut value = kind_to_wire(&event.kind);
    if let Value::Object(members) = &mut value {
        members.insert("seq".to_owned(), event.seq.into());
        members.insert("le".to_owned(), event.at.rfc3339_in(zone).into());
    }
    canonical(&known(value))
}

/// What is unknown is left out rather than null.
fn known(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    value
}

fn kind_to_wire(kind: &EventKind) -> Value {
    match kind {
        EventKind::Pupil(pupil) => pupil_to_wire(pupil),
        EventKind::PupilLeft(pupil) => json!({"type": "ELEVE_SORTI", "eleve_id": pupil.0}),
        EventKind::Demand(demand) => json!({
            "type": "DEMANDE", "eleve_id": demand.pupil.0, "palier": demand.level.code(),
            "phase": demand.phase.code(), "version": demand.version, "representant_id": demand.representative.0,
            "choix": demand.choices.iter().map(choice_to_wire).collect::<Vec<_>>(),
        }),
        EventKind::Acknowledged { pupil, level, representative } => json!({
            "type": "ACCUSE", "eleve_id": pupil.0, "palier": level.code(), "representant_id": representative.0,
        }),
        EventKind::Replied { pupil, level, representative, agrees, accepted } => json!({
            "type": "REPONSE_FAMILLE", "eleve_id": pupil.0, "palier": level.code(),
            "representant_id": representative.0, "accord": agrees,
            "voies": accepted.iter().map(|track| track.code()).collect::<Vec<_>>(),
        }),
        EventKind::Window { level, phase, open, motive, order } => json!({
            "type": "OUVERTURE", "palier": level.code(), "phase": phase.code(), "ouvert": open, "motif": motive,
            "ordre": order,
        }),
        EventKind::Locked { pupil, level, phase, order } => json!({
            "type": "VERROU", "eleve_id": pupil.0, "palier": level.code(), "phase": phase.code(), "num": order,
        }),
        EventKind::Unreadable { pupil, phase, why: _ } => json!({
            "type": UNREADABLE, "eleve_id": pupil.map(|pupil| pupil.0), "phase": phase.map(Phase::code),
        }),
    }
}

fn pupil_to_wire(pupil: &Pupil) -> Value {
    let representative = |one: &Representative| {
        known(json!({
            "id": one.id.0, "rang": one.rank, "civilite": one.title.reveal(), "nom": one.last_name.reveal(),
            "prenom": one.first_name.reveal(), "courriel": one.email.as_ref().map(Private::reveal),
        }))
    };
    json!({
        "type": "ELEVE", "eleve_id": pupil.id.0, "ine": pupil.ine.as_ref().map(Ine::as_str),
        "palier": pupil.level.code(), "division": pupil.division.as_str(), "nom": pupil.last_name.reveal(),
        "prenom": pupil.first_name.reveal(), "en_procedure": pupil.in_procedure,
        "representants": pupil.representatives.iter().map(representative).collect::<Vec<_>>(),
    })
}

fn choice_to_wire(choice: &RawChoice) -> Value {
    known(json!({
        "rang": choice.rank, "voie": choice.track, "formation": choice.formation, "code_formation": choice.code,
        "statut": choice.status,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const ZONE: Zone = Zone::Europe__Paris;
    const PUPIL: &str = r#"{"seq":1,"le":"2020-05-01T08:00:00+02:00","type":"ELEVE","eleve_id":100,"ine":"123456789AB","palier":"3E","division":"3 A","nom":"DUPOND","prenom":"Jules","en_procedure":true,"representants":[{"id":1,"rang":1,"civilite":"Mme","nom":"DUPOND","prenom":"Martine","courriel":"m@exemple.invalid"}]}"#;
    const LEFT: &str = r#"{"seq":2,"le":"2020-05-01T08:00:00+02:00","type":"ELEVE_SORTI","eleve_id":100}"#;
    const DEMAND: &str = r#"{"seq":3,"le":"2020-05-01T08:00:00+02:00","type":"DEMANDE","eleve_id":100,"palier":"3E","phase":"DEFINITIVE","version":2,"representant_id":1,"choix":[{"rang":1,"voie":"2GT"},{"rang":2,"voie":"2PRO","formation":"Mécanique","code_formation":"2472541231","statut":"AP"}]}"#;
    const ACKNOWLEDGED: &str = r#"{"seq":4,"le":"2020-05-01T08:00:00+02:00","type":"ACCUSE","eleve_id":100,"palier":"3E","representant_id":2}"#;
    const REPLIED: &str = r#"{"seq":5,"le":"2020-05-01T08:00:00+02:00","type":"REPONSE_FAMILLE","eleve_id":100,"palier":"3E","representant_id":2,"accord":true,"voies":["2GT","1CAP"]}"#;
    const WINDOW: &str = r#"{"seq":6,"le":"2020-05-01T08:00:00.500+02:00","type":"OUVERTURE","palier":"3E","phase":"DEFINITIVE","ouvert":false,"motif":"R08","ordre":12}"#;
    const LOCKED: &str = r#"{"seq":7,"le":"2020-05-01T08:00:00+02:00","type":"VERROU","eleve_id":100,"palier":"3E","phase":"DEFINITIVE","num":3}"#;
    const ALL: [&str; 7] = [PUPIL, LEFT, DEMAND, ACKNOWLEDGED, REPLIED, WINDOW, LOCKED];

    fn unreadable(text: &str) -> (u64, Option<PupilId>, Option<Phase>, String) {
        let event = decode_event(text, 99);
        match event.kind {
            EventKind::Unreadable { pupil, phase, why } => (event.seq, pupil, phase, why),
            other => panic!("{text} was read as {other:?}"),
        }
    }

    #[test]
    fn every_kind_reads_back_byte_for_byte() {
        for (seq, text) in (1..).zip(ALL) {
            let event = decode_event(text, 99);
            assert_eq!(event.seq, seq);
            assert!(!matches!(event.kind, EventKind::Unreadable { .. }), "{event:?}");
            let loose: Loose = serde_json::from_str(text).unwrap();
            assert_eq!(encode_event(&event, ZONE), canonical(&loose.value));
            assert_eq!(decode_event(&encode_event(&event, ZONE), 99), event);
        }
    }

    #[test]
    fn a_member_less_is_an_anomaly_with_its_name() {
        for text in ALL {
            let Value::Object(members) = serde_json::from_str(text).unwrap() else { panic!("{text}") };
            for name in members.keys().filter(|name| !matches!(name.as_str(), "ine" | "ordre")) {
                let mut less = members.clone();
                less.remove(name);
                let (seq, pupil, _, why) = unreadable(&Value::Object(less).to_string());
                assert_eq!(why, format!("`{name}` is missing"));
                assert_eq!(seq == 99, name == "seq");
                assert_eq!(pupil.is_some(), members.contains_key("eleve_id") && name != "eleve_id");
            }
        }
    }

    #[test]
    fn a_member_of_another_type_is_an_anomaly_without_its_value() {
        for text in ALL {
            let Value::Object(members) = serde_json::from_str(text).unwrap() else { panic!("{text}") };
            for (name, member) in &members {
                for wrong in [json!(-1.5), json!("SECRET"), json!({"SECRET": 1}), json!(["SECRET"])] {
                    let same_type = member.is_string() && wrong.is_string();
                    if same_type && matches!(name.as_str(), "nom" | "prenom" | "division" | "motif") {
                        continue;
                    }
                    let changed = Map::from_iter(members.clone().into_iter().chain([(name.clone(), wrong)]));
                    let (_, _, _, why) = unreadable(&Value::Object(changed).to_string());
                    assert!(why.contains(name.as_str()) && !why.contains("SECRET"), "{why}");
                }
            }
        }
    }

    #[rstest]
    #[case::null_ine(PUPIL, "\"123456789AB\"", "null")]
    #[case::no_representative(
        PUPIL,
        "\"id\":1,\"rang\":1,\"civilite\":\"Mme\",\"nom\":\"DUPOND\",\"prenom\":\"Martine\",\"courriel\":\"m@exemple.invalid\"",
        "\"id\":0,\"rang\":2,\"civilite\":\"\",\"nom\":\"\",\"prenom\":\"\",\"courriel\":null"
    )]
    #[case::unknown_member(LEFT, "\"eleve_id\"", "\"neuf\":{\"a\":[]},\"eleve_id\"")]
    #[case::no_choice(DEMAND, "{\"rang\":1,\"voie\":\"2GT\"},", "")]
    #[case::unknown_track(DEMAND, "2GT", "9XX")]
    #[case::any_rank(DEMAND, "\"rang\":1", "\"rang\":-4")]
    #[case::null_formation(
        DEMAND,
        "\"voie\":\"2GT\"",
        "\"voie\":\"2GT\",\"formation\":null,\"code_formation\":null,\"statut\":null"
    )]
    #[case::by_a_person(WINDOW, ",\"ordre\":12", "")]
    #[case::null_order(WINDOW, "\"ordre\":12", "\"ordre\":null")]
    #[case::disagrees(REPLIED, "true,\"voies\":[\"2GT\",\"1CAP\"]", "false,\"voies\":[]")]
    #[case::wide_division(PUPIL, "3 A", " 3\u{a0} A ")]
    fn what_is_for_others_to_judge_is_read(#[case] text: &str, #[case] from: &str, #[case] to: &str) {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        let event = decode_event(&changed, 99);
        assert!(!matches!(event.kind, EventKind::Unreadable { .. }), "{event:?}");
    }

    #[test]
    fn a_track_that_is_named_twice_is_accepted_once() {
        let twice = REPLIED.replace("\"1CAP\"]", "\"1CAP\",\"2GT\"]");
        assert_eq!(decode_event(&twice, 99).kind, decode_event(REPLIED, 99).kind);
    }

    #[rstest]
    #[case::three_representatives(
        PUPIL,
        "[{",
        "[{\"id\":1,\"rang\":1,\"civilite\":\"\",\"nom\":\"\",\"prenom\":\"\"},{\"id\":1,\"rang\":1,\"civilite\":\"\",\"nom\":\"\",\"prenom\":\"\"},{",
        "representants"
    )]
    #[case::rank_three(PUPIL, "\"rang\":1", "\"rang\":3", "rang")]
    #[case::no_ine(PUPIL, "123456789AB", "123", "ine")]
    #[case::long_division(PUPIL, "3 A", "123456789", "division")]
    #[case::long_id(LEFT, "100", "1000000000000000000", "eleve_id")]
    #[case::number_as_text(LEFT, "100", "\"100\"", "eleve_id")]
    #[case::version_zero(DEMAND, "\"version\":2", "\"version\":0", "version")]
    #[case::version_large(DEMAND, "\"version\":2", "\"version\":4294967296", "version")]
    #[case::choice_no_object(DEMAND, "[{\"rang\":1,\"voie\":\"2GT\"},", "[1,", "choix")]
    #[case::unknown_accepted(REPLIED, "2GT", "9XX", "voies")]
    #[case::agrees_to_nothing(REPLIED, "[\"2GT\",\"1CAP\"]", "[]", "voies")]
    #[case::disagrees_and_accepts(REPLIED, "true", "false", "voies")]
    #[case::no_offset(LOCKED, "+02:00", "", "le")]
    #[case::unknown_type(LOCKED, "VERROU", "VERROUS", "type")]
    #[case::unknown_phase(LOCKED, "DEFINITIVE", "FINALE", "phase")]
    #[case::twice(LOCKED, "{", "{\"num\":3,", "twice")]
    fn what_is_wrong_in_shape(#[case] text: &str, #[case] from: &str, #[case] to: &str, #[case] says: &str) {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        let (_, _, _, why) = unreadable(&changed);
        assert!(why.contains(says), "{why}");
    }

    #[rstest]
    #[case("")]
    #[case("[]")]
    #[case("12")]
    #[case("{\"seq\":")]
    fn what_is_no_object_keeps_its_place(#[case] text: &str) {
        assert_eq!(unreadable(text).0, 99);
    }

    proptest! {
        #[test]
        fn texts_stay_as_typed(label in ".*", name in ".*") {
            let mut value: Value = serde_json::from_str(DEMAND).unwrap();
            value["choix"][1]["formation"] = json!(label);
            let EventKind::Demand(demand) = decode_event(&value.to_string(), 1).kind else { panic!() };
            prop_assert_eq!(demand.choices[1].formation.as_ref(), Some(&label));
            let mut value: Value = serde_json::from_str(PUPIL).unwrap();
            value["nom"] = json!(name);
            let EventKind::Pupil(pupil) = decode_event(&value.to_string(), 1).kind else { panic!() };
            prop_assert_eq!(pupil.last_name.reveal(), &name);
        }
    }
}
