//! The pages: each state, alert and code has its words; what is well-formed, what a browser is told, who is let in.

use crate::check::roster::{ByDivision, Counts};
use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    campaign::{Calendar, CampaignKey, Phase},
    pupil::{Division, PupilId},
    school::{Level, School, SchoolKey, SchoolYear, Uai},
    time::{DAY_S, Timestamp, Zone, parse_date},
};
use crate::guard::{Alert, AlertCode, By, Facts, FarSide, Journal, LotFact, State, WindowEvent};
use crate::mail::report::Standing;
use crate::nights::{NightFact, NightOutcome};
use crate::run::{
    details::Details,
    roster::RosterStatus,
    status::{CampaignStatus, SchoolStatus},
};
use crate::status::page::{
    country::{Need, Snapshot, Wanted},
    school::SchoolPage,
    timeline::{Kind, MARGIN, MARK_WIDTH, Timeline},
    *,
};
use crate::store::{
    feed::Cursor,
    nights::NightRow,
    outbox::{LetterRow, LetterState},
};
use rstest::rstest;
use std::collections::BTreeMap;

const YES: bool = true;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_in(text, Zone::Europe__Paris).unwrap()
}

fn now() -> Timestamp {
    at("2020-05-26 10:00")
}

fn key(number: u32) -> CampaignKey {
    let school = SchoolKey { uai: Uai::of_number(number).unwrap(), year: SchoolYear::new(2019).unwrap() };
    CampaignKey { school, level: Level::Troisieme, phase: Phase::Definitive }
}

fn division(code: &str) -> Division {
    Division::parse(code).unwrap()
}

fn facts() -> Facts {
    let councils = [("3 A", "2020-05-28 16:15"), ("3 B", "2020-05-28 16:15"), ("3 C", "2020-05-28 17:30")];
    let calendar = Calendar {
        opens: at("2020-05-04 08:00"),
        closes: at("2020-05-25 18:00"),
        reopens: Some(at("2020-06-02 08:00")),
        ends: Some(at("2020-06-20 18:00")),
        councils: councils.map(|(code, start)| (division(code), at(start))).into(),
    };
    let switched = |seq, when, open| WindowEvent { seq, at: at(when), open, by: By::Person, judged: None };
    let journal = Journal {
        windows: vec![switched(1, "2020-05-04 08:00", YES), switched(2, "2020-05-25 18:01", !YES)],
        feed_epoch: 1,
        lots: vec![LotFact {
            number: 1,
            cut_seq: 2,
            epoch: 1,
            acknowledged_at: Some(at("2020-05-26 03:20")),
            in_doubt: false,
        }],
        ..Journal::default()
    };
    Facts::fold(key(380_001), Zone::Europe__Paris, Some(calendar), &journal, FarSide::WELL)
}

fn status(number: u32) -> SchoolStatus {
    let facts = facts();
    let fact = NightFact { outcome: Some(NightOutcome::Ok), attempts: 1, last_attempt_at: at("2020-05-26 03:15") };
    let summary = Some("{\"events\": 31, \"lots\": 1, \"demands\": 118}".to_owned());
    let date = parse_date("2020-05-26").unwrap();
    let night = NightRow { date, fact, ended_at: Some(fact.last_attempt_at), caught_up: false, summary, extra: None };
    let key = key(number);
    let school = School { key: key.school, name: "Collège Simone Veil".to_owned(), zone: facts.zone(), mail: None };
    let next = facts.next_instants(now()).into_iter().map(|(what, at)| (what.as_str(), at)).collect();
    let campaign = CampaignStatus {
        key,
        state: State::CouncilsReady,
        open: false,
        at_risk: false,
        without_entry: BTreeMap::new(),
        next,
        alerts: Vec::new(),
    };
    let feed = Cursor { epoch: 1, seq: 12, last: None, stopped: None, reread: false, read_at: Some(now()) };
    let campaigns = vec![campaign];
    SchoolStatus {
        school,
        last_night: Some(night),
        feed,
        anomalies: 0,
        held: 0,
        in_doubt: 0,
        roster: None,
        campaigns,
        letter: None,
    }
}

fn details(status: SchoolStatus) -> Details {
    let nights = status.last_night.clone().into_iter().collect();
    let (lots, files, holds, anomalies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Details { status, facts: vec![facts()], nights, lots, files, holds, anomalies }
}

fn standing(details: &Details) -> Standing {
    report::standing(details, &reference::References::new(b"a key"))
}

fn page(details: &Details) -> String {
    let html = SchoolPage::of(details, &standing(details), YES, !YES, now()).render().unwrap();
    well_formed(&html);
    html
}

/// HTML as XML would have it: every tag closed, in order; ids once; what is referred to is there.
fn well_formed(html: &str) {
    const EMPTY: [&str; 6] = ["meta", "link", "br", "input", "line", "circle"];
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("a tag is not closed: {tag}"));
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{html}");
        } else if !tag.starts_with('!') && !tag.ends_with('/') && !EMPTY.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0], "{html}");
    let values = |name: &str| -> Vec<String> {
        html.split(&format!(" {name}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let ids = values("id");
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    let mut referred = values("aria-labelledby");
    referred.extend(values("for"));
    assert!(referred.iter().all(|id| ids.contains(id)), "{referred:?} {ids:?}");
    let tags = || html.split('<').filter_map(|tag| tag.split_once('>')).map(|(tag, _)| tag);
    let forbidden = |tag: &str| tag.contains("style=\"") || tag.starts_with("script") || tag.contains("://");
    assert_eq!(tags().filter(|tag| forbidden(tag)).collect::<Vec<_>>(), [""; 0], "the policy forbids it");
}

#[test]
fn each_state_says_what_it_is_and_each_alert_what_to_do() {
    for state in State::ALL {
        for code in AlertCode::ALL {
            let mut status = status(380_001);
            let todo = format!("Faites ce que demande {}.", code.as_str());
            status.campaigns[0].state = state;
            status.campaigns[0].alerts = vec![Alert { code, todo: todo.clone() }];
            let html = page(&details(status));
            assert!(html.contains(state.label()) && html.contains(&todo), "{html}");
            assert!(html.contains(&state.rule().replace('\'', "&#39;")), "{html}");
        }
    }
}

#[test]
fn each_anomaly_says_what_it_means_and_names_pupils_by_reference() {
    let mut one = details(status(380_001));
    let subject = Subject::Pupil(PupilId(4_711), Some(Phase::Definitive));
    let raised = |code| Anomaly { code, subject: subject.clone(), at: now(), detail: "2GT".to_owned() };
    one.anomalies = Code::ALL.map(raised).into();
    let html = page(&one);
    let reference = reference::References::new(b"a key").of(key(380_001).school, PupilId(4_711));
    assert_eq!(html.matches(&reference).count(), Code::ALL.len());
    assert!(!html.contains("4711"));
    for code in Code::ALL {
        assert!(html.contains(code.as_str()), "{}", code.as_str());
    }
}

#[test]
fn a_school_at_risk_says_so_first_and_one_that_is_well_has_nothing_to_do() {
    let html = page(&details(status(380_001)));
    assert!(html.contains("À risque : non.") && html.contains("Rien : tout suit son cours."), "{html}");
    assert!(html.contains("premier conseil, jeudi 28 mai 2020 à 16:15 (dans 2 jours)"), "{html}");
    let mut status = status(380_001);
    status.campaigns[0].at_risk = YES;
    status.in_doubt = 1;
    status.letter = Some(LetterRow {
        date: parse_date("2020-05-26").unwrap(),
        state: LetterState::Waiting,
        attempts: 3,
        fault: Some("the server answered 550".to_owned()),
    });
    let html = page(&details(status));
    assert!(html.find("À RISQUE").unwrap() < html.find("<figure").unwrap(), "{html}");
    assert!(html.contains("1 envoi en doute") && html.contains("pas parti (3 essais)"), "{html}");
}

#[rstest]
#[case::nobody(0)]
#[case::one(1)]
#[case::many(500)]
fn pupils_without_entry_are_counted_by_division(#[case] pupils: u32) {
    let mut status = status(380_001);
    let divisions = (0..pupils.min(50)).map(|number| (division(&format!("3 {number:02}")), pupils.div_ceil(50)));
    status.campaigns[0].without_entry = divisions.collect();
    let html = page(&details(status));
    let expected = match pupils {
        0 => "Chaque élève en procédure a une demande.",
        1 => "1 élève en procédure n&#39;a rien saisi",
        _ => "500 élèves en procédure n&#39;ont rien saisi",
    };
    assert!(html.contains(expected), "{html}");
}

#[test]
fn the_base_eleves_is_counted_by_division_and_names_nobody() {
    let mut status = status(380_001);
    assert!(!page(&details(status.clone())).contains("Base élèves"));
    let nothing = RosterStatus { exported_at: None, loaded_at: now(), by_division: ByDivision::new() };
    status.roster = Some(nothing.clone());
    assert!(page(&details(status.clone())).contains("Rien ne diffère du téléservice."));
    let counts = Counts { unknown: 7, left: 1, division: 2, ine: 3, representatives: 4 };
    let by_division = ByDivision::from([((Level::Troisieme, Some(division("3 A"))), counts)]);
    status.roster = Some(RosterStatus { by_division, ..nothing });
    let html = page(&details(status));
    let cells = [7, 1, 2, 3, 4].map(|count| format!(r#"<td class="n">{count}</td>"#)).concat();
    assert!(html.contains(&format!(r#"<th scope="row">3 A (classes de 3e)</th>{cells}"#)), "{html}");
}

#[rstest]
#[case::long("É".repeat(100))]
#[case::right_to_left("ثانوية مولانا \u{202e}الحسن".to_owned())]
#[case::hostile("<script>alert(1)</script>\"'&".to_owned())]
fn names_of_schools_spoil_no_page(#[case] name: String) {
    let mut status = status(380_001);
    status.school.name = name;
    page(&details(status.clone()));
    let html = Snapshot::of(&[status], now()).page(&Wanted::default()).render().unwrap();
    well_formed(&html);
}

#[test]
fn a_school_of_which_nothing_is_known_has_a_page() {
    let mut status = status(380_001);
    status.last_night = None;
    status.campaigns.clear();
    let mut details = details(status);
    details.facts.clear();
    assert!(page(&details).contains("Aucune campagne"));
}

#[test]
fn the_time_line_is_drawn_to_scale() {
    let line = Timeline::of(&facts(), now()).unwrap();
    let mark = |label: &str| line.marks.iter().find(|mark| mark.label.contains(label)).unwrap();
    let (opens, closes, ends) = (mark("ouverture prévue"), mark("fermeture prévue"), mark("fin de la campagne"));
    let a_day = (closes.x - opens.x) / (closes.at.since_ms(opens.at) as f64 / (DAY_S * 1_000) as f64);
    let wait = line.spans.iter().find(|span| span.class == "wait").unwrap();
    assert!((wait.width - a_day).abs() < 0.02, "24 hours are as long as a day: {} and {a_day}", wait.width);
    assert_eq!((opens.x, ends.x, line.gap), (MARGIN, 100.0 - MARGIN, None));
    assert_eq!(
        line.marks.iter().map(|mark| mark.number).collect::<Vec<_>>(),
        (1..=line.marks.len()).collect::<Vec<_>>()
    );
    assert!(line.marks.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[0].x <= pair[1].x));
    assert_eq!(mark("conseils de 3 A, 3 B (16:15), 3 C (17:30)").kind, Kind::Council);
    assert_eq!(line.councils.len(), 2, "each hour of a council");
    assert_eq!(mark("maintenant").kind, Kind::Now);
    // Marks in one row never cover each other.
    for (one, two) in line.marks.iter().flat_map(|one| line.marks.iter().map(move |two| (one, two))) {
        assert!(one.number == two.number || one.y != two.y || MARK_WIDTH <= (one.x - two.x).abs(), "{one:?} {two:?}");
        assert!(12.0 < one.y && one.y < line.line_y, "{one:?}");
    }
    let blank = Facts::fold(key(380_001), Zone::Europe__Paris, None, &Journal::default(), FarSide::WELL);
    assert_eq!(Timeline::of(&blank, now()), None);
}

/// A year before and a year after, the campaign keeps its place on the line, and now stands beside it.
#[rstest]
#[case::before("2019-05-26 10:00", MARGIN)]
#[case::after("2021-05-26 10:00", 100.0 - MARGIN)]
fn now_stands_aside_when_the_campaign_is_far_away(#[case] when: &str, #[case] x: f64) {
    let line = Timeline::of(&facts(), at(when)).unwrap();
    let now = line.marks.iter().find(|mark| mark.kind == Kind::Now).unwrap();
    assert!(now.x == x && now.label.contains("trop loin"), "{now:?}");
    let (from, to) = line.gap.unwrap();
    let others = || line.marks.iter().filter(|mark| mark.kind != Kind::Now).map(|mark| mark.x);
    assert!(others().all(|x| x <= from || to <= x), "{line:?}");
    assert!(60.0 < others().fold(0.0, f64::max) - others().fold(100.0, f64::min), "{line:?}");
}

#[rstest]
#[case(|_: &mut SchoolStatus| (), Need::Nothing)]
#[case(|it: &mut SchoolStatus| it.anomalies = 1, Need::Reading)]
#[case(|it: &mut SchoolStatus| it.held = 1, Need::Hand)]
#[case(|it: &mut SchoolStatus| it.in_doubt = 1, Need::Hand)]
#[case(|it: &mut SchoolStatus| it.feed.stopped = Some(crate::store::feed::Stop::WentBack), Need::Hand)]
#[case(|it: &mut SchoolStatus| it.campaigns[0].at_risk = YES, Need::Risk)]
fn who_needs_a_hand(#[case] change: fn(&mut SchoolStatus), #[case] expected: Need) {
    let mut status = status(380_001);
    change(&mut status);
    assert_eq!(Need::of(&status), expected);
}

/// A country: one school in ten has something to read, one in a hundred is at risk.
fn country(schools: u32) -> Snapshot {
    let all: Vec<SchoolStatus> = (1..=schools)
        .map(|number| {
            let mut status = status(number);
            status.anomalies = u32::from(number % 10 == 0);
            status.campaigns[0].at_risk = number % 100 == 0;
            status.campaigns[0].without_entry = BTreeMap::from([(division("3 A"), number % 30)]);
            status
        })
        .collect();
    Snapshot::of(&all, now())
}

#[test]
fn the_list_begins_with_who_needs_a_hand_and_is_filtered_by_need_state_and_name() {
    let snapshot = country(200);
    let html = snapshot.page(&Wanted::default()).render().unwrap();
    well_formed(&html);
    let order: Vec<usize> =
        Need::ALL.map(|need| html.find(&format!("<td class=\"need {}\"", need.name())).unwrap_or(usize::MAX)).into();
    assert!(order[0] < order[2] && order[2] < order[3] && order[1] == usize::MAX, "{order:?}");
    let found = |wanted: Wanted| snapshot.page(&wanted).render().unwrap().matches("<th scope=\"row\"").count();
    let own = |text: &str| text.to_owned();
    assert_eq!(found(Wanted::default()), 200);
    assert_eq!(found(Wanted { besoin: own("risk"), ..Wanted::default() }), 2);
    assert_eq!(found(Wanted { etat: own("CouncilsReady"), ..Wanted::default() }), 200);
    assert_eq!(found(Wanted { etat: own("Open"), ..Wanted::default() }), 0);
    assert_eq!(found(Wanted { nom: own(&format!(" {} ", key(17).school.uai)), ..Wanted::default() }), 1);
    assert_eq!(found(Wanted { nom: own("simone"), ..Wanted::default() }), 200);
    let still = Wanted { nom: own("Jean & Cie"), fige: Some(own("1")), ..Wanted::default() };
    let html = snapshot.page(&still).render().unwrap();
    assert!(html.contains("Jean &#38; Cie") && html.contains("href=\"/ecoles?nom=Jean+%26+Cie\""), "{html}");
}

#[test]
fn a_country_is_one_page() {
    let snapshot = country(7_000);
    let html = snapshot.page(&Wanted::default()).render().unwrap();
    well_formed(&html);
    assert_eq!(html.matches("<th scope=\"row\"").count(), 7_000);
    assert!(html.contains("<b>70</b> à risque") && html.contains("<b>7000</b> en tout"), "counts");
}
