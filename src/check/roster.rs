//! The roster put beside the mirror of the feed: whom the téléservice does not know, who left, what differs. Nothing
//! follows from it but that people are told: absence is no instruction.

use crate::check::nomenclature::Nomenclature;
use crate::domain::{
    pupil::{Division, Private, Pupil, PupilId, REPRESENTATIVES_MAX},
    roster::{Roster, RosterPerson, RosterPupil, RosterPupils},
    school::Level,
    time::Date,
    track::MefCode,
};
use std::collections::{BTreeMap, BTreeSet};

/// How many digits of a MEF code name its programme.
const PROGRAMME_DIGITS: usize = 3;

/// What is found about one pupil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Level.
    pub level: Level,
    /// Class by the base élèves; by the téléservice for who left.
    pub division: Option<Division>,
    /// `ELEVE_ID`.
    pub pupil: PupilId,
    /// Family name.
    pub last_name: Private<String>,
    /// First name.
    pub first_name: Private<String>,
    /// What it is.
    pub what: What,
}

/// How the base élèves and the téléservice differ about a pupil.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// At the school, and not known to the téléservice.
    Unknown,
    /// At the school, and gone for the téléservice.
    GoneThere,
    /// Known to the téléservice, and not or no longer among the base's pupils of the level.
    Left {
        /// The day, where the base tells it.
        on: Option<Date>,
    },
    /// In another class there.
    Division {
        /// The téléservice's.
        there: Division,
    },
    /// Both know an INE, and not the same.
    Ine,
    /// Not the same legal representatives.
    Representatives {
        /// How many the téléservice lacks.
        lacking: u32,
        /// How many the base does not name.
        unnamed: u32,
    },
}

/// Findings of one class, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not known to the téléservice, or gone there.
    pub unknown: u32,
    /// Known there, and left.
    pub left: u32,
    /// In another class there.
    pub division: u32,
    /// Another INE.
    pub ine: u32,
    /// Other legal representatives.
    pub representatives: u32,
}

impl Counts {
    /// Each count with its name for school staff.
    pub const fn told(self) -> [(&'static str, u32); 5] {
        [
            ("inconnus du téléservice", self.unknown),
            ("partis de l'établissement", self.left),
            ("dans une autre division", self.division),
            ("avec un autre INE", self.ine),
            ("avec d'autres représentants", self.representatives),
        ]
    }
}

/// A class as school staff name it; none is no class.
pub fn class_told(division: Option<&Division>) -> String {
    division.map_or_else(|| "sans division".to_owned(), ToString::to_string)
}

/// Findings by level and class; none is no class.
pub type ByDivision = BTreeMap<(Level, Option<Division>), Counts>;

/// Keeps the pupils of 3e and 2de GT, each with the level: by the nomenclature (MEFSTAT), and where it does not know a code
/// or there is none by the code's programme.
pub fn place(pupils: impl IntoIterator<Item = RosterPupil>, nomenclature: Option<&Nomenclature>) -> RosterPupils {
    let known = |code: &MefCode| nomenclature.and_then(|nomenclature| nomenclature.level(code));
    let level = |pupil: &RosterPupil| pupil.mef.as_ref().and_then(|code| known(code).or_else(|| programme(code)));
    pupils.into_iter().filter_map(|pupil| Some((pupil.id, (level(&pupil)?, pupil)))).collect()
}

/// 103 is 3e, 200 is 2de générale et technologique; 3e of other kinds are told by the nomenclature alone.
fn programme(code: &MefCode) -> Option<Level> {
    match code.as_str().get(..PROGRAMME_DIGITS)? {
        "103" => Some(Level::Troisieme),
        "200" => Some(Level::SecondeGt),
        _ => None,
    }
}

/// What differs between a roster and the pupils of the feed (with whether they are present) on one day, by level and class.
pub fn compare(roster: &Roster, feed: &[(Pupil, bool)], today: Date) -> Vec<Finding> {
    let feed: BTreeMap<PupilId, (&Pupil, bool)> =
        feed.iter().map(|(pupil, there)| (pupil.id, (pupil, *there))).collect();
    let none = RosterPupils::new();
    let pupils = roster.pupils.as_ref().unwrap_or(&none);
    let mut found: Vec<Finding> = pupils
        .values()
        .filter(|(_, own)| own.is_there(today))
        .flat_map(|(level, own)| of_pupil(*level, own, feed.get(&own.id).copied()))
        .collect();
    let covered: BTreeSet<Level> = pupils.values().map(|(level, _)| *level).collect();
    for (pupil, _) in feed.values().filter(|(_, present)| *present) {
        let own = pupils.get(&pupil.id).map(|(_, own)| own);
        // A roster without a single pupil of a level was exported without it: nobody has left for that.
        if covered.contains(&pupil.level) && own.is_none_or(|own| own.left_on.is_some_and(|left| left <= today)) {
            found.push(of_feed(pupil, What::Left { on: own.and_then(|own| own.left_on) }));
            continue;
        }
        let people = roster.people.as_ref().and_then(|people| people.get(&pupil.id));
        let division = own.map_or_else(|| Some(pupil.division.clone()), |own| own.division.clone());
        let what = people.and_then(|people| of_people(people, pupil));
        found.extend(what.map(|what| Finding { division, ..of_feed(pupil, what) }));
    }
    found.sort_by(|one, other| key(one).cmp(&key(other)));
    found
}

fn key(finding: &Finding) -> (Level, &Option<Division>, PupilId, &What) {
    (finding.level, &finding.division, finding.pupil, &finding.what)
}

fn of_pupil(level: Level, own: &RosterPupil, there: Option<(&Pupil, bool)>) -> Vec<Finding> {
    let mut whats = Vec::new();
    match there {
        None => whats.push(What::Unknown),
        Some((_, false)) => whats.push(What::GoneThere),
        Some((pupil, true)) => {
            if own.division.as_ref() != Some(&pupil.division) {
                whats.push(What::Division { there: pupil.division.clone() });
            }
            let other = |ine| !own.ines.is_empty() && !own.ines.contains(ine);
            if pupil.ine.as_ref().is_some_and(other) {
                whats.push(What::Ine);
            }
        }
    }
    let finding = |what| Finding {
        level,
        division: own.division.clone(),
        pupil: own.id,
        last_name: own.last_name.clone(),
        first_name: own.first_name.clone(),
        what,
    };
    whats.into_iter().map(finding).collect()
}

fn of_feed(pupil: &Pupil, what: What) -> Finding {
    Finding {
        level: pupil.level,
        division: Some(pupil.division.clone()),
        pupil: pupil.id,
        last_name: pupil.last_name.clone(),
        first_name: pupil.first_name.clone(),
        what,
    }
}

/// People are compared by name, for the two far sides do not share their identifiers.
fn of_people(own: &[RosterPerson], pupil: &Pupil) -> Option<What> {
    let person = |last: &Private<String>, first: &Private<String>| (folded(last.reveal()), folded(first.reveal()));
    let named: BTreeSet<_> = own.iter().map(|one| person(&one.last_name, &one.first_name)).collect();
    let there: BTreeSet<_> = pupil.representatives.iter().map(|one| person(&one.last_name, &one.first_name)).collect();
    let unnamed = there.difference(&named).count();
    // The téléservice takes two: a third of the base is not missing there.
    let room = REPRESENTATIVES_MAX.saturating_sub(there.len() - unnamed);
    let lacking = named.difference(&there).count().min(room);
    let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
    (0 < unnamed + lacking).then(|| What::Representatives { lacking: number(lacking), unnamed: number(unnamed) })
}

/// A name as it is compared: neither case, accents, hyphens nor spaces tell two people apart, for one side keeps them and
/// the other may not.
fn folded(name: &str) -> String {
    let mut key = String::new();
    for letter in name.chars().flat_map(char::to_uppercase) {
        match letter {
            'À'..='Å' => key.push('A'),
            'Æ' => key.push_str("AE"),
            'Ç' => key.push('C'),
            'È'..='Ë' => key.push('E'),
            'Ì'..='Ï' => key.push('I'),
            'Ñ' => key.push('N'),
            'Ò'..='Ö' | 'Ø' => key.push('O'),
            'Œ' => key.push_str("OE"),
            'Š' => key.push('S'),
            'Ù'..='Ü' => key.push('U'),
            'Ý' | 'Ÿ' => key.push('Y'),
            'Ž' => key.push('Z'),
            _ if letter.is_alphanumeric() => key.push(letter),
            _ => (),
        }
    }
    key
}

/// Counts findings by class.
pub fn count(findings: &[Finding]) -> ByDivision {
    let mut counts = ByDivision::new();
    for finding in findings {
        let own = counts.entry((finding.level, finding.division.clone())).or_default();
        *match finding.what {
            What::Unknown | What::GoneThere => &mut own.unknown,
            What::Left { .. } => &mut own.left,
            What::Division { .. } => &mut own.division,
            What::Ine => &mut own.ine,
            What::Representatives { .. } => &mut own.representatives,
        } += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::{Counts, What, compare, count, folded, place};
    use crate::check::nomenclature::{Class, Mef, Nomenclature};
    use crate::domain::{
        pupil::{Division, Ine, Private, Pupil, PupilId, Representative, RepresentativeId},
        roster::{Roster, RosterPeople, RosterPerson, RosterPupil},
        school::Level,
        time::{Date, parse_date},
        track::MefCode,
    };
    use rstest::rstest;

    const TROISIEME: &str = "10310019110";

    fn division(code: &str) -> Option<Division> {
        (!code.is_empty()).then(|| Division::parse(code).unwrap())
    }

    fn private(text: &str) -> Private<String> {
        Private::new(text.to_owned())
    }

    fn day(text: &str) -> Date {
        parse_date(text).unwrap()
    }

    /// A pupil of the base: number, class, INE, days of entering and leaving; empty is none.
    fn own(id: i64, class: &str, ine: &str, entered: &str, left: &str) -> RosterPupil {
        let on = |text: &str| (!text.is_empty()).then(|| day(text));
        RosterPupil {
            id: PupilId(id),
            ines: Ine::parse(ine).into_iter().collect(),
            mef: Some(MefCode::parse(TROISIEME).unwrap()),
            division: division(class),
            last_name: private("BASE"),
            first_name: private("Ève"),
            entered_on: on(entered),
            left_on: on(left),
        }
    }

    fn there(id: i64, class: &str, ine: &str, people: &[(&str, &str)]) -> Pupil {
        let person = |(at, (last, first)): (i64, &(&str, &str))| Representative {
            id: RepresentativeId(at),
            rank: 1,
            title: private("Mme"),
            last_name: private(last),
            first_name: private(first),
            email: None,
        };
        Pupil {
            id: PupilId(id),
            ine: Ine::parse(ine).ok(),
            level: Level::Troisieme,
            division: division(class).unwrap(),
            last_name: private("FLUX"),
            first_name: private("Ève"),
            in_procedure: true,
            representatives: (1..).zip(people).map(person).collect(),
        }
    }

    /// The findings about pupil 100, with another pupil beside who is the same on both sides.
    fn whats(base: Option<RosterPupil>, feed: Option<(Pupil, bool)>) -> Vec<What> {
        let pupils = base.into_iter().chain([own(1, "3 A", "", "", "")]);
        let roster = Roster { pupils: Some(place(pupils, None)), ..Roster::default() };
        let feed: Vec<_> = feed.into_iter().chain([(there(1, "3 A", "", &[]), true)]).collect();
        let found = compare(&roster, &feed, day("2020-05-12"));
        assert!(found.iter().all(|finding| finding.pupil == PupilId(100)));
        found.into_iter().map(|finding| finding.what).collect()
    }

    const INE: &str = "123456789AB";

    #[rstest]
    #[case::the_same(own(100, "3 A", INE, "", ""), "3 A", INE, &[])]
    #[case::another_class(own(100, "3 B", "", "", ""), "3 A", "", &[What::Division { there: division("3 A").unwrap() }])]
    #[case::no_class(own(100, "", "", "", ""), "3 A", "", &[What::Division { there: division("3 A").unwrap() }])]
    #[case::another_ine(own(100, "3 A", INE, "", ""), "3 A", "123456790AB", &[What::Ine])]
    #[case::ine_only_here(own(100, "3 A", INE, "", ""), "3 A", "", &[])]
    #[case::ine_only_there(own(100, "3 A", "", "", ""), "3 A", INE, &[])]
    #[case::left(own(100, "3 A", "", "", "2020-05-12"), "3 A", "", &[What::Left { on: Some(day("2020-05-12")) }])]
    #[case::leaves_tomorrow(own(100, "3 A", "", "", "2020-05-13"), "3 A", "", &[])]
    #[case::enters_tomorrow(own(100, "3 A", "", "2020-05-13", ""), "3 B", "", &[])]
    fn a_pupil_of_both(#[case] base: RosterPupil, #[case] class: &str, #[case] ine: &str, #[case] expected: &[What]) {
        assert_eq!(whats(Some(base), Some((there(100, class, ine, &[]), true))), expected);
    }

    #[rstest]
    #[case::not_known(Some(own(100, "3 A", "", "", "")), None, &[What::Unknown])]
    #[case::in_no_class_and_not_known(Some(own(100, "", "", "", "")), None, &[What::Unknown])]
    #[case::gone_there(Some(own(100, "3 A", "", "", "")), Some(false), &[What::GoneThere])]
    #[case::not_here_yet(Some(own(100, "3 A", "", "2020-09-01", "")), None, &[])]
    #[case::left_both(Some(own(100, "3 A", "", "", "2020-01-10")), Some(false), &[])]
    #[case::left_and_never_known(Some(own(100, "3 A", "", "", "2020-01-10")), None, &[])]
    #[case::not_in_the_base(None, Some(true), &[What::Left { on: None }])]
    #[case::not_in_the_base_and_gone(None, Some(false), &[])]
    fn a_pupil_of_one(#[case] base: Option<RosterPupil>, #[case] present: Option<bool>, #[case] expected: &[What]) {
        assert_eq!(whats(base, present.map(|present| (there(100, "3 A", "", &[]), present))), expected);
    }

    #[test]
    fn an_export_without_a_level_makes_nobody_of_it_leave() {
        let mut second = own(100, "2 1", "", "", "");
        second.mef = Some(MefCode::parse("20010018110").unwrap());
        let roster = Roster { pupils: Some(place([second], None)), ..Roster::default() };
        let found = compare(&roster, &[(there(1, "3 A", "", &[]), true)], day("2020-05-12"));
        assert_eq!(
            found.iter().map(|it| (it.level, it.what.clone())).collect::<Vec<_>>(),
            [(Level::SecondeGt, What::Unknown)]
        );
        assert_eq!(compare(&Roster::default(), &[(there(1, "3 A", "", &[]), true)], day("2020-05-12")), []);
    }

    #[rstest]
    #[case::the_same_in_another_spelling(&[("LÉGER-BŒUF", "Anne Marie")], &[("leger boeuf", "Anne-Marie")], None)]
    #[case::two_of_level_1(&[("A", "X"), ("B", "Y")], &[("B", "Y"), ("A", "X")], None)]
    #[case::one_is_missing_there(&[("A", "X"), ("B", "Y")], &[("A", "X")], Some((1, 0)))]
    #[case::one_is_not_in_the_base(&[("A", "X")], &[("A", "X"), ("B", "Y")], Some((0, 1)))]
    #[case::somebody_else(&[("A", "X")], &[("A", "Z")], Some((1, 1)))]
    #[case::a_third_has_no_place_there(&[("A", "X"), ("B", "Y"), ("C", "Z")], &[("A", "X"), ("B", "Y")], None)]
    #[case::nobody_there(&[("A", "X")], &[], Some((1, 0)))]
    fn representatives(
        #[case] base: &[(&str, &str)],
        #[case] feed: &[(&str, &str)],
        #[case] expected: Option<(u32, u32)>,
    ) {
        let person =
            |(last, first): &(&str, &str)| RosterPerson { last_name: private(last), first_name: private(first) };
        let people = RosterPeople::from([(PupilId(100), base.iter().map(person).collect())]);
        let roster = Roster { people: Some(people), ..Roster::default() };
        let feed = [(there(100, "3 A", "", feed), true), (there(101, "3 A", "", feed), true)];
        let found = compare(&roster, &feed, day("2020-05-12"));
        let expected = expected.map(|(lacking, unnamed)| What::Representatives { lacking, unnamed });
        assert_eq!(found.iter().map(|it| it.what.clone()).collect::<Vec<_>>(), Vec::from_iter(expected));
    }

    #[rstest]
    #[case(TROISIEME, Some(Level::Troisieme))]
    #[case("20010018110", Some(Level::SecondeGt))]
    #[case("10110001110", None)]
    #[case("16610002110", Some(Level::Troisieme))]
    #[case("24721003320", None)]
    fn a_level_is_told_by_the_nomenclature_and_else_by_the_programme(#[case] code: &str, #[case] level: Option<Level>) {
        let segpa = Mef { class: Some(Class::Level(Level::Troisieme)), closes: None };
        let nomenclature = Nomenclature::new([(MefCode::parse("16610002110").unwrap(), segpa)]);
        let pupil = RosterPupil { mef: MefCode::parse(code).ok(), ..own(100, "3 A", "", "", "") };
        let placed = place([pupil], Some(&nomenclature));
        assert_eq!(placed.get(&PupilId(100)).map(|(level, _)| *level), level);
    }

    #[test]
    fn findings_are_counted_by_class_and_come_in_order() {
        let pupils = [own(3, "3 B", "", "", ""), own(2, "", "", "", ""), own(1, "3 A", INE, "", "")];
        let roster = Roster { pupils: Some(place(pupils, None)), ..Roster::default() };
        let feed = [(there(1, "3 C", "123456790AB", &[]), true), (there(9, "3 B", "", &[]), true)];
        let found = compare(&roster, &feed, day("2020-05-12"));
        assert_eq!(found.iter().map(|it| it.pupil.0).collect::<Vec<_>>(), [2, 1, 1, 3, 9]);
        let of = |class| (Level::Troisieme, division(class));
        let expected = [
            (of(""), Counts { unknown: 1, ..Counts::default() }),
            (of("3 A"), Counts { division: 1, ine: 1, ..Counts::default() }),
            (of("3 B"), Counts { unknown: 1, left: 1, ..Counts::default() }),
        ];
        assert_eq!(count(&found), expected.into());
    }

    #[rstest]
    #[case("Œuvrard-d'Aÿ", "OEUVRARDDAY")]
    #[case("ŒUVRARD D’AŸ", "OEUVRARDDAY")]
    #[case("Straße", "STRASSE")]
    #[case("Łódź", "ŁÓDŹ")]
    fn names_are_folded(#[case] name: &str, #[case] expected: &str) {
        let expected = expected.replace('Ó', "O");
        assert_eq!(folded(name), expected);
    }
}
