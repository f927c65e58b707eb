//! Synthetic worlds: the same schools, pupils and demands for the same seed, on any machine and with any version of any
//! crate. Nobody in them exists.

use crate::domain::{
    campaign::{CampaignKey, Phase},
    event::RawChoice,
    pupil::{Division, Ine, Private, Pupil, PupilId, Representative, RepresentativeId},
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::{Timestamp, Zone},
};
use crate::sandbox::{siecle::Siecle, teleservice::Teleservice};
use std::collections::BTreeSet;

/// Number of the first synthetic school: no department has 099.
const FIRST_SCHOOL: u32 = 990_001;
/// Schools whose UAI can still begin with 099.
pub const SCHOOLS_MAX: u32 = 9_999;
/// Pupils a school, so that divisions keep their names of two to four characters.
pub const PUPILS_MAX: u32 = 5_000;
/// Pupils in a division.
const DIVISION_SIZE: u32 = 25;
/// First `ELEVE_ID`, as in scenarios.
const FIRST_PUPIL: i64 = 100;
/// One pupil in ten has validated nothing.
const TEN: u32 = 10;

const LAST_NAMES: [&str; 40] = [
    "Abgrall",
    "Aubépin",
    "Bérenger",
    "Boisclair",
    "Cœurdoux",
    "Chênaie",
    "Clérambault",
    "Combelongue",
    "Darrouzès",
    "D'Aulnoy",
    "Delafontenelle",
    "Désormeaux",
    "Échassoux",
    "Estèbe",
    "Fauvarque",
    "Fontanès",
    "Garrigou",
    "Guéhenneuc",
    "Hébrard-Lys",
    "Icardenne",
    "Jaulhac",
    "Kerlévéo",
    "Labrousse",
    "Laëttin",
    "Le Guillanton",
    "Maisonhaute",
    "Mouÿsset",
    "N'Diantou",
    "Noëllet",
    "Ouvrardin",
    "Péridièze",
    "Quémerais",
    "Roquecave",
    "Sèvremoine",
    "Tâtegrain",
    "Trégourez",
    "Urvoasson",
    "Vaugelade",
    "Wœrthin",
    "Zûniguez",
];
const FIRST_NAMES: [&str; 40] = [
    "Adèle",
    "Aïcha",
    "Anaël",
    "Aurélien",
    "Bérénice",
    "Célestin",
    "Chloé",
    "Clémence",
    "Côme",
    "Daphné",
    "Édouard",
    "Élise",
    "Éloïse",
    "Félix",
    "François",
    "Gaëlle",
    "Garance",
    "Héloïse",
    "Inès",
    "Irénée",
    "Joël",
    "Joséphine",
    "Kévin",
    "Léa",
    "Loïc",
    "Lucie",
    "Maëlys",
    "Mathéo",
    "Maïwenn",
    "Naëlle",
    "Noé",
    "Océane",
    "Pénélope",
    "Raphaël",
    "Renée",
    "Solène",
    "Thaïs",
    "Théo",
    "Ulysse",
    "Zoé",
];
const TOWNS: [&str; 12] = [
    "Aubeterre",
    "Bréhaut",
    "Châtelvert",
    "Dômecourt",
    "Épinoy",
    "Fougerolle",
    "Grézac",
    "Hautecombe",
    "Luçay",
    "Montrœul",
    "Pierrefitte",
    "Saint-Élan",
];
const FORMATIONS: [(&str, &str); 8] = [
    ("2PRO", "Métiers de la relation client"),
    ("2PRO", "Mécanique"),
    ("2PRO", "Métiers de l'hôtellerie-restauration"),
    ("2PRO", "Accompagnement, soins & services à la personne"),
    ("1CAP", "Carrosserie"),
    ("1CAP", "Pâtissier"),
    ("1CAP", "Menuisier fabricant"),
    ("1CAP", "Métiers de la coiffure"),
];

/// A small generator of our own (splitmix64): its numbers never change with a crate.
#[derive(Clone, Debug)]
pub struct Draw(u64);

/// What a world holds.
#[derive(Clone, Debug)]
pub struct World {
    /// Its schools, all at level `3E`.
    pub schools: Vec<WorldSchool>,
}

/// One school of a world.
#[derive(Clone, Debug)]
pub struct WorldSchool {
    /// School and year.
    pub key: SchoolKey,
    /// Its name.
    pub name: String,
    /// Its zone.
    pub zone: Zone,
    /// Its level.
    pub level: Level,
    /// Its pupils, by division.
    pub pupils: Vec<WorldPupil>,
}

/// One pupil of a world.
#[derive(Clone, Debug)]
pub struct WorldPupil {
    /// The pupil.
    pub pupil: Pupil,
    /// What the first representative validates; nothing for one pupil in ten.
    pub choices: Vec<RawChoice>,
}

impl Draw {
    /// The generator of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The next number below `bound`; 0 for a bound of 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// One of `items`.
    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> Option<&'a T> {
        let at = self.below(items.len() as u64);
        usize::try_from(at).ok().and_then(|at| items.get(at)).copied()
    }
}

impl World {
    /// The world of a seed: `schools` schools with `pupils` pupils each, at most `SCHOOLS_MAX` and `PUPILS_MAX`.
    pub fn generate(year: SchoolYear, schools: u32, pupils: u32, seed: u64) -> Self {
        let uais = (0..schools.min(SCHOOLS_MAX)).filter_map(|at| Uai::of_number(FIRST_SCHOOL + at));
        let school = |(at, uai): (u64, Uai)| {
            // Each school has a generator of its own, so that a larger world begins as the smaller one.
            let mut draw = Draw::new(seed ^ at.wrapping_mul(0xD1B5_4A32_D192_ED03));
            let town = draw.pick(&TOWNS).unwrap_or_default();
            WorldSchool {
                key: SchoolKey { uai, year },
                name: format!("Collège de {town} {}", at + 1),
                zone: uai.zone(),
                level: Level::Troisieme,
                pupils: class_lists(pupils.min(PUPILS_MAX), &mut draw),
            }
        };
        Self { schools: (0..).zip(uais).map(school).collect() }
    }

    /// Puts the world into both stand-ins: pupils arrive and the definitive phase opens at `opens`, demands are validated
    /// between then and `until`, in order.
    pub fn fill(&self, teleservice: &mut Teleservice, siecle: &mut Siecle, opens: Timestamp, until: Timestamp) {
        for school in &self.schools {
            teleservice.add_school(school.key, school.zone);
            siecle.add_school(school.key, school.zone);
            for WorldPupil { pupil, .. } in &school.pupils {
                siecle.enrol(school.key, pupil.clone());
                teleservice.arrive(school.key, pupil.clone(), opens);
            }
            let phase = Phase::Definitive;
            let open = !teleservice.is_open(school.key, school.level, phase);
            if open {
                teleservice.switch(CampaignKey { school: school.key, level: school.level, phase }, open, opens);
            }
            school.enter(teleservice, phase, opens, until);
        }
    }
}

impl WorldSchool {
    /// Its divisions, sorted.
    pub fn divisions(&self) -> Vec<Division> {
        let divisions: BTreeSet<_> = self.pupils.iter().map(|one| one.pupil.division.clone()).collect();
        divisions.into_iter().collect()
    }

    fn enter(&self, teleservice: &mut Teleservice, phase: Phase, opens: Timestamp, until: Timestamp) {
        let span_s = until.since_ms(opens).max(0) / 1_000;
        let count = i64::try_from(self.pupils.len()).unwrap_or(i64::MAX).max(1);
        for (at, one) in (0..).zip(&self.pupils) {
            let first = one.pupil.representatives.first().map(|first| first.id);
            if let Some(by) = first.filter(|_| !one.choices.is_empty()) {
                let now = opens.plus_s(span_s * at / count);
                // The window is open and the choices keep the rules: a refusal would be a world that is full already.
                let _ = teleservice.validate(self.key, phase, one.pupil.id, by, &one.choices, now);
            }
        }
    }
}

/// A synthetic pupil with `representatives`, the same for the same `id`; the first name can be given.
pub fn pupil(
    id: PupilId,
    level: Level,
    division: Division,
    first_name: Option<&str>,
    representatives: &[RepresentativeId],
) -> Pupil {
    let mut draw = Draw::new(id.0.unsigned_abs());
    let last_name = draw.pick(&LAST_NAMES).unwrap_or_default();
    let drawn = draw.pick(&FIRST_NAMES).unwrap_or_default();
    let mut rank = 0_u8;
    let mut representative = |id: &RepresentativeId| {
        rank = rank.saturating_add(1);
        let title = if rank % 2 == 1 { "Mme" } else { "M." };
        let first_name = draw.pick(&FIRST_NAMES).unwrap_or_default();
        Representative {
            id: *id,
            rank,
            title: Private::new(title.to_owned()),
            last_name: Private::new(last_name.to_uppercase()),
            first_name: Private::new(first_name.to_owned()),
            email: Some(Private::new(format!("representant{}@famille.example", id.0))),
        }
    };
    Pupil {
        id,
        ine: ine(id),
        level,
        division,
        last_name: Private::new(last_name.to_uppercase()),
        first_name: Private::new(first_name.unwrap_or(drawn).to_owned()),
        in_procedure: true,
        representatives: representatives.iter().map(&mut representative).collect(),
    }
}

/// The INE of a synthetic pupil, in one of the three shapes, with the right key where it has one.
fn ine(id: PupilId) -> Option<Ine> {
    const KEYS: &[u8; 23] = b"ABCDEFGHJKLMNPRSTUVWXYZ";
    let number = id.0.unsigned_abs();
    let text = match number % 3 {
        0 => format!("{:09}AB", 100_000_000 + number % 800_000_000),
        1 => {
            let digits = 2_000_000_000 + number % 7_000_000_000;
            let key = usize::try_from(digits % 23).ok().and_then(|at| KEYS.get(at)).copied()?;
            format!("{digits:010}{}", char::from(key))
        }
        _ => format!("{:04}A{:05}C", 1_000 + number / 100_000 % 9_000, number % 100_000),
    };
    Ine::parse(&text).ok()
}

/// The pupils of a school, division by division; of ten in a row exactly one has validated nothing.
fn class_lists(count: u32, draw: &mut Draw) -> Vec<WorldPupil> {
    let mut without = 0;
    let mut pupils = Vec::new();
    for at in 0..count {
        if at % TEN == 0 {
            without = at + u32::try_from(draw.below(u64::from(TEN))).unwrap_or_default();
        }
        let Some(division) = division(at / DIVISION_SIZE) else { continue };
        let id = PupilId(FIRST_PUPIL + i64::from(at));
        let first = 1 + 2 * i64::from(at);
        let representatives = [RepresentativeId(first), RepresentativeId(first + 1)];
        let mut own = Draw::new(draw.next());
        let first_name = own.pick(&FIRST_NAMES);
        let mut pupil = pupil(id, Level::Troisieme, division, first_name, &representatives);
        pupil.last_name = Private::new(own.pick(&LAST_NAMES).unwrap_or_default().to_uppercase());
        let choices = if at == without { Vec::new() } else { choices(&mut own) };
        pupils.push(WorldPupil { pupil, choices });
    }
    pupils
}

/// The name of a division: `3 A` to `3 Z`, then `3 A1` and so on.
fn division(at: u32) -> Option<Division> {
    const LETTERS: u32 = 26;
    let letter = char::from_u32(u32::from(b'A') + at % LETTERS)?;
    let round = if at < LETTERS { String::new() } else { (at / LETTERS).to_string() };
    Division::parse(&format!("3 {letter}{round}")).ok()
}

/// One to three choices that keep the rules: the general track where it comes first, formations, no two alike.
fn choices(draw: &mut Draw) -> Vec<RawChoice> {
    let wanted = usize::try_from(1 + draw.below(3)).unwrap_or(1);
    let mut all: Vec<(&str, Option<&str>)> = FORMATIONS.iter().map(|(track, label)| (*track, Some(*label))).collect();
    let mut chosen = Vec::new();
    if draw.below(3) > 0 {
        chosen.push(("2GT", None));
    }
    while chosen.len() < wanted {
        let at = usize::try_from(draw.below(all.len() as u64)).unwrap_or_default();
        chosen.push(all.swap_remove(at));
    }
    let choice = |(rank, (track, label)): (i64, (&str, Option<&str>))| RawChoice {
        rank,
        track: track.to_owned(),
        formation: label.map(str::to_owned),
        code: None,
        status: label.map(|_| if draw.below(2) == 0 { "ST" } else { "AP" }.to_owned()),
    };
    (1..).zip(chosen).map(choice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lot::{Encoding, Format};
    use std::collections::BTreeSet;

    fn year() -> SchoolYear {
        SchoolYear::new(2019).unwrap()
    }

    #[test]
    fn the_generator_is_splitmix64() {
        // First numbers of the published reference for seed 0: bytes of a world must never move.
        let mut draw = Draw::new(0);
        assert_eq!([draw.next(), draw.next()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
    }

    #[test]
    fn the_same_seed_makes_the_same_world_and_a_larger_one_begins_alike() {
        let small = format!("{:?}", World::generate(year(), 1, 30, 7).schools);
        assert_eq!(small, format!("{:?}", World::generate(year(), 3, 30, 7).schools.get(..1).unwrap()));
        assert_ne!(small, format!("{:?}", World::generate(year(), 1, 30, 8).schools));
    }

    #[test]
    fn pupils_have_ids_ine_and_two_representatives_of_their_own() {
        let world = World::generate(year(), 1, 120, 1);
        let pupils = &world.schools[0].pupils;
        let ids: BTreeSet<_> = pupils.iter().map(|one| one.pupil.id).collect();
        let people = pupils.iter().flat_map(|one| &one.pupil.representatives);
        let people: BTreeSet<_> = people.map(|one| one.id).collect();
        assert_eq!((ids.len(), people.len(), world.schools[0].divisions().len()), (120, 240, 5));
        assert!(pupils.iter().all(|one| one.pupil.ine.as_ref().is_some_and(|ine| !ine.key_differs())));
    }

    #[test]
    fn nine_in_ten_enter_and_no_rule_of_entry_refuses_them() {
        let world = World::generate(year(), 2, 120, 42);
        let (mut teleservice, mut siecle) = (Teleservice::new(), Siecle::new(Format::Xml, Encoding::Utf8));
        let opens = Timestamp::parse("2020-05-04T08:00:00+02:00").unwrap();
        world.fill(&mut teleservice, &mut siecle, opens, opens.plus_s(86_400));
        for school in &world.schools {
            let desk = teleservice.school(school.key).unwrap();
            let entered = desk.pupils.values().filter(|one| one.last_version(Phase::Definitive).is_some());
            assert_eq!((entered.count(), desk.feed.last()), (108, 120 + 1 + 108));
            assert!(desk.is_open(Level::Troisieme, Phase::Definitive));
        }
    }
}
