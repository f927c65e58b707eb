//! Reads one `[[step]]`: its place and time, its `do`, and the arguments of that and no others.

use crate::crash::Point;
use crate::domain::campaign::Phase;
use crate::domain::event::RawChoice;
use crate::domain::pupil::Division;
use crate::domain::school::Uai;
use crate::domain::time::Timestamp;
use crate::domain::track::Track;
use crate::replay::document::{Section, number_of};
use crate::replay::parse::{Times, one_of, parse_phase, pupil};
use crate::replay::scenario::{
    Action, CampaignSpec, DigestSpec, Entry, Expected, FaultSpec, Override, SchoolSpec, Side, Step, Who,
};
use crate::window::Hand;
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeValue;

/// The kinds of nights that an assertion may count.
const NIGHTS: [&str; 3] = ["ok", "failed", "caught_up"];

/// One step; none when its school or its `do` is unknown.
pub(in crate::replay) fn step(
    section: &Section<'_>,
    schools: &[SchoolSpec],
    campaigns: &[CampaignSpec],
) -> Option<Step> {
    let named = section.has("uai");
    let school = match section.parsed("uai", Uai::parse) {
        Some(uai) => {
            let found = schools.iter().find(|school| school.uai == uai);
            if found.is_none() {
                section.fault_of("uai", "is no school of this scenario");
            }
            found?
        }
        None if named => return None,
        None => schools.first()?,
    };
    section.needed("at");
    let at = section.parsed("at", |text| Timestamp::parse_in(text, school.zone));
    let given = section.parsed("phase", parse_phase);
    let own = campaigns.iter().filter(|campaign| campaign.uai == school.uai).map(|campaign| campaign.phase);
    // A phase that is written twice, the first time to be refused, is one campaign all the same.
    let own: BTreeSet<Phase> = own.collect();
    let phase = given.or_else(|| own.first().copied().filter(|_| own.len() == 1));
    let expected_word = section.has("expect");
    let word = section.needed("do");
    if !section.has("do") {
        return None;
    }
    let (name, action) = action(&word, section, school, named)?;
    let expect = match action {
        Action::Expect(_) if expected_word => {
            section.fault_of("expect", "is no key of an `expect` step: write what is expected as its keys");
            None
        }
        _ => section.text("expect"),
    };
    section.finish();
    Some(Step {
        at: at?,
        name,
        uai: school.uai,
        phase,
        action,
        expect: Some(expect.unwrap_or_else(|| "ok".to_owned())),
    })
}

fn action(name: &str, section: &Section<'_>, school: &SchoolSpec, named: bool) -> Option<(&'static str, Action)> {
    Some(match name {
        "draft" => ("draft", Action::Draft(entry(section))),
        "validate" => ("validate", Action::Validate(entry(section))),
        "validate_all" => {
            let track = section.text("track").unwrap_or_else(|| Track::SecondeGt.code().to_owned());
            ("validate_all", Action::ValidateAll { division: division(section), track })
        }
        "logout" => ("logout", Action::Logout(who(section))),
        "acknowledge" => ("acknowledge", Action::Acknowledge(who(section))),
        "acknowledge_all" => ("acknowledge_all", Action::AcknowledgeAll),
        "reply" => ("reply", reply(section)),
        "emit" => ("emit", emit(section)?),
        "arrive" => ("arrive", Action::Arrive(pupil(section, &["pupil"])?)),
        "leave" => ("leave", Action::Leave { pupil: section.needed("pupil") }),
        "open" => ("open", Action::Window { hand: Hand::Open, derogation: derogation(section) }),
        "close" => ("close", Action::Window { hand: Hand::Close, derogation: derogation(section) }),
        "reopen" => ("reopen", Action::Window { hand: Hand::Reopen, derogation: derogation(section) }),
        "calendar" => {
            let change = Times { section, zone: school.zone }.change(&["closes", "reopens", "ends"]);
            ("calendar", Action::Calendar { change, derogation: derogation(section) })
        }
        "switch" => ("switch", Action::Switch { open: needed_truth(section, "open") }),
        "respond" => ("respond", respond(section)),
        "entry_complete" => ("entry_complete", Action::EntryComplete),
        "sync" => ("sync", Action::Sync { named }),
        "resync" => ("resync", Action::Resync),
        "approve" => ("approve", Action::Approve),
        "siecle" => ("siecle", Action::Faults(Side::Siecle, faults(section, Side::Siecle))),
        "teleservice" => ("teleservice", Action::Faults(Side::Teleservice, faults(section, Side::Teleservice))),
        "deliver" => ("deliver", deliver(section)),
        "daemon" => ("daemon", Action::Daemon { up: needed_truth(section, "up") }),
        "crash" => {
            section.needed("point");
            let find = |text: &str| Point::of_name(text).ok_or("no such point: `navette replay --points` lists them");
            ("crash", Action::Crash { point: section.parsed("point", find)? })
        }
        "expect" => ("expect", Action::Expect(Box::new(expected(section)))),
        unknown => {
            section.fault_of("do", format!("\"{unknown}\" is no step"));
            return None;
        }
    })
}

fn needed_truth(section: &Section<'_>, key: &'static str) -> bool {
    if !section.has(key) {
        section.fault(format!("`{key}` is missing"));
    }
    section.truth(key).unwrap_or_default()
}

fn who(section: &Section<'_>) -> Who {
    Who { pupil: section.needed("pupil"), by: section.needed("by") }
}

fn division(section: &Section<'_>) -> Option<Division> {
    section.parsed("division", Division::parse)
}

fn entry(section: &Section<'_>) -> Entry {
    if !section.has("choices") {
        section.fault("`choices` is missing");
    }
    let mut choices = Vec::new();
    for (choice, rank) in section.sections("choices").iter().zip(1..) {
        choices.push(RawChoice {
            rank,
            track: choice.needed("track"),
            formation: choice.text("formation"),
            code: choice.text("code"),
            status: choice.text("status"),
        });
        choice.finish();
    }
    Entry { who: who(section), choices }
}

fn reply(section: &Section<'_>) -> Action {
    if !section.has("accept") {
        section.fault("`accept` is missing");
    }
    let codes = section.texts("accept").unwrap_or_default();
    let accept: Vec<Track> = codes.iter().filter_map(|code| Track::of_code(code)).collect();
    if accept.len() != codes.len() {
        section.fault_of("accept", "names a track that does not exist");
    }
    Action::Reply { who: who(section), accept }
}

fn emit(section: &Section<'_>) -> Option<Action> {
    let without = section.texts("without").unwrap_or_default();
    match section.json("event") {
        Some(serde_json::Value::Object(event)) => Some(Action::Emit { event, without }),
        Some(_) | None => {
            section.fault("`event` must be a table");
            None
        }
    }
}

fn derogation(section: &Section<'_>) -> Option<Override> {
    let asked = section.truth("override").unwrap_or_default();
    let reason = section.text("reason").unwrap_or_default();
    asked.then_some(Override { reason })
}

fn respond(section: &Section<'_>) -> Action {
    let answer = |value: &DeValue<'_>| match value.as_str() {
        Some("OUI") => Some(true),
        Some("NON") => Some(false),
        Some(_) | None => None,
    };
    let mut proposals = BTreeMap::new();
    for (code, accepted) in section.map("proposals", "OUI or NON", answer).unwrap_or_default() {
        match Track::of_code(&code) {
            Some(track) => _ = proposals.insert(track, accepted),
            None => section.fault_of("proposals", format!("\"{code}\" is no track")),
        }
    }
    Action::Respond {
        division: division(section),
        pupil: section.text("pupil"),
        value: section.text("value"),
        reason: section.text("reason"),
        proposals,
    }
}

fn faults(section: &Section<'_>, side: Side) -> FaultSpec {
    fn small<T: TryFrom<i64>>(section: &Section<'_>, key: &'static str) -> Option<T> {
        let number = section.number(key)?;
        T::try_from(number).map_err(|_| section.fault_of(key, "is out of range")).ok()
    }
    let siecle = side == Side::Siecle;
    FaultSpec {
        up: section.truth("up"),
        latency_ms: small(section, "latency_ms"),
        lose_reply: small(section, "lose_reply"),
        status: small(section, "status"),
        times: small(section, "times").unwrap_or(1),
        on: section.parsed("on", |text| topic(text, side)),
        reject: if siecle { section.texts("reject") } else { None },
        treat: if siecle { section.truth("treat") } else { None },
    }
}

fn topic(text: &str, side: Side) -> Result<String, String> {
    let topics: &[&str] = match side {
        Side::Siecle => &["lots", "receipts", "responses"],
        Side::Teleservice => &["feed", "orders"],
    };
    if topics.contains(&text) { Ok(text.to_owned()) } else { Err(format!("must be one of {}", topics.join(", "))) }
}

fn deliver(section: &Section<'_>) -> Action {
    let words = [("right", DigestSpec::Right), ("wrong", DigestSpec::Wrong), ("none", DigestSpec::None)];
    let digest = section.parsed("digest", |text| one_of(text, &words)).unwrap_or(DigestSpec::Right);
    let file = section.needed("file");
    let publish_as = section.text("as").unwrap_or_else(|| file.clone());
    Action::Deliver { file, publish_as, digest }
}

fn expected(section: &Section<'_>) -> Expected {
    const NUMBER: &str = "a whole number";
    let truth = |value: &DeValue<'_>| value.as_bool();
    let nights = section.map("nights", NUMBER, number_of).unwrap_or_default();
    for kind in nights.keys().filter(|kind| !NIGHTS.contains(&kind.as_str())) {
        section.fault_of("nights", format!("has an unknown key `{kind}`: {} are known", NIGHTS.join(", ")));
    }
    Expected {
        siecle: section.map("siecle", NUMBER, number_of).unwrap_or_default(),
        locked: section.map("locked", "true or false", truth).unwrap_or_default(),
        state: section.text("state"),
        at_risk: section.truth("at_risk"),
        open: section.truth("open"),
        anomalies: section.texts("anomalies"),
        nights,
        lots: section.number("lots"),
        held: section.number("held"),
    }
}
