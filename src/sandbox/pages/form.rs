//! The form of choices between two requests: what is typed travels with the form and is kept nowhere else (R01).
//!
//! Whether it is taken is the stand-in's to say; this file only finds the field that a refusal is about.

use crate::domain::{
    demand::CHOICES_MAX,
    event::RawChoice,
    school::Level,
    track::{Status, Track},
};
use crate::sandbox::{desk::Version, pages::words};

/// Fields of a form, as they came.
pub type Fields = Vec<(String, String)>;

/// What the button that sent the form asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gesture {
    /// « VALIDER ».
    Validate,
    /// « ANNULER ».
    Cancel,
    /// « AJOUTER UN CHOIX ».
    Add,
    /// Take a choice away.
    Remove(usize),
    /// Prefer a choice to the one before it.
    Raise(usize),
    /// The return key: show what was typed, save nothing.
    Reread,
}

/// One choice as it is typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Track code; empty when none was taken.
    track: String,
    /// *Métier ou formation*.
    formation: String,
    /// Status code; empty when none was taken.
    status: String,
}

/// One to three choices as they are typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft(Vec<Row>);

/// One choice of the form, with what is wrong with it.
#[derive(Debug)]
pub struct RowView {
    /// 1, 2 or 3.
    pub n: usize,
    /// Tracks of the level.
    pub tracks: Vec<OptionView>,
    /// *Métier ou formation*.
    pub formation: String,
    /// Statuses.
    pub statuses: Vec<OptionView>,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// Whether it can be taken away: a demand has one at least (R02).
    pub removable: bool,
}

/// A radio button.
#[derive(Debug)]
pub struct OptionView {
    /// Its value.
    pub code: &'static str,
    /// What is read.
    pub label: &'static str,
    /// Whether it is taken.
    pub checked: bool,
    /// Whether *métier ou formation* goes with it.
    pub vocational: bool,
}

/// The field that something is wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Track.
    Track,
    /// *Métier ou formation*.
    Formation,
    /// Status.
    Status,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub field: Field,
    /// `id` of what the summary leads to.
    pub target: String,
    /// What is said.
    pub said: String,
}

impl Gesture {
    /// The gesture of a form; without one nothing is saved.
    pub fn read(fields: &Fields) -> Self {
        let gesture = value(fields, "geste");
        let nth = |prefix: &str| gesture.strip_prefix(prefix).and_then(|n| n.parse().ok());
        match gesture {
            "valider" => Self::Validate,
            "annuler" => Self::Cancel,
            "ajouter" => Self::Add,
            _ => nth("supprimer-")
                .map(Self::Remove)
                .or_else(|| nth("remonter-").map(Self::Raise))
                .unwrap_or(Self::Reread),
        }
    }
}

impl Draft {
    /// An empty first choice.
    pub fn empty() -> Self {
        Self(vec![Row::default()])
    }

    /// The choices of a validated version.
    pub fn of(version: &Version) -> Self {
        let row = |choice: &RawChoice| Row {
            track: choice.track.clone(),
            formation: choice.formation.clone().unwrap_or_default(),
            status: choice.status.clone().unwrap_or_default(),
        };
        Self(version.choices.iter().map(row).collect())
    }

    /// What a form carries; at least one choice, at most three.
    pub fn read(fields: &Fields) -> Self {
        let count = value(fields, "nombre").parse().unwrap_or(1_usize).clamp(1, CHOICES_MAX);
        let of = |name: &str, n: usize| value(fields, &format!("{name}-{n}")).to_owned();
        let row = |n| Row { track: of("voie", n), formation: of("formation", n), status: of("statut", n) };
        Self((1..=count).map(row).collect())
    }

    /// With what a button asks for.
    pub fn after(mut self, gesture: Gesture) -> Self {
        match gesture {
            Gesture::Add if self.0.len() < CHOICES_MAX => self.0.push(Row::default()),
            Gesture::Remove(n) if 1 < self.0.len() && (1..=self.0.len()).contains(&n) => _ = self.0.remove(n - 1),
            Gesture::Raise(n) if (2..=self.0.len()).contains(&n) => self.0.swap(n - 1, n - 2),
            Gesture::Add
            | Gesture::Remove(_)
            | Gesture::Raise(_)
            | Gesture::Validate
            | Gesture::Cancel
            | Gesture::Reread => (),
        }
        self
    }

    /// Whether another choice may be added.
    pub fn has_room(&self) -> bool {
        self.0.len() < CHOICES_MAX
    }

    /// The choices that the stand-in is asked to take. What is typed under a track that needs no formation is not meant.
    pub fn choices(&self) -> Vec<RawChoice> {
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let choice = |(rank, row): (i64, &Row)| {
            let vocational = is_vocational(&row.track);
            RawChoice {
                rank,
                track: row.track.clone(),
                formation: filled(row.label()).filter(|_| vocational),
                code: None,
                status: filled(row.status.clone()).filter(|_| vocational),
            }
        };
        (1..).zip(&self.0).map(choice).collect()
    }

    /// The form, with what is wrong where `judged`.
    pub fn view(&self, level: Level, judged: Judged) -> Vec<RowView> {
        let row = |(n, row): (usize, &Row)| RowView {
            n,
            tracks: tracks(level, &row.track),
            formation: row.formation.clone(),
            statuses: statuses(&row.status),
            faults: match judged {
                Judged::Refused => self.faults(n, level),
                Judged::NotYet => Vec::new(),
            },
            removable: 1 < self.0.len(),
        };
        (1..).zip(&self.0).map(row).collect()
    }

    fn faults(&self, n: usize, level: Level) -> Vec<Fault> {
        let Some(row) = self.0.get(n - 1) else { return Vec::new() };
        let fault = |field, target: String, said: &str| Fault { field, target, said: said.to_owned() };
        let first = Track::ALL.into_iter().find(|track| track.level() == level).map_or("", Track::code);
        let on_track = |said: &str| fault(Field::Track, format!("voie-{n}-{first}"), said);
        if Track::of_code(&row.track).is_none_or(|track| track.level() != level) {
            return vec![on_track(words::NO_TRACK)];
        }
        let mut faults = Vec::new();
        if is_vocational(&row.track) {
            if row.label().is_empty() {
                faults.push(fault(Field::Formation, format!("formation-{n}"), words::NO_FORMATION));
            }
            if Status::of_code(&row.status).is_none() {
                faults.push(fault(Field::Status, format!("statut-{n}-ST"), words::NO_STATUS));
            }
        }
        let alike = self.0.iter().take(n - 1).position(|other| other.wish() == row.wish());
        if let Some(other) = alike.filter(|_| faults.is_empty()) {
            faults.push(on_track(&format!("Ce choix est identique au choix {}.", other + 1)));
        }
        faults
    }
}

/// Whether the stand-in has refused what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It was not asked.
    NotYet,
    /// It did.
    Refused,
}

impl Row {
    fn label(&self) -> String {
        self.formation.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn wish(&self) -> (&str, Option<(String, &str)>) {
        (&self.track, is_vocational(&self.track).then(|| (self.label(), self.status.as_str())))
    }
}

impl RowView {
    /// What is wrong with a field.
    pub fn fault(&self, field: Field) -> Option<&str> {
        self.faults.iter().find(|fault| fault.field == field).map(|fault| fault.said.as_str())
    }

    /// What is wrong with the track.
    pub fn track_fault(&self) -> Option<&str> {
        self.fault(Field::Track)
    }

    /// What is wrong with *métier ou formation*.
    pub fn formation_fault(&self) -> Option<&str> {
        self.fault(Field::Formation)
    }

    /// What is wrong with the status.
    pub fn status_fault(&self) -> Option<&str> {
        self.fault(Field::Status)
    }
}

fn is_vocational(track: &str) -> bool {
    Track::of_code(track).is_some_and(Track::needs_formation)
}

fn tracks(level: Level, taken: &str) -> Vec<OptionView> {
    let option = |track: Track| OptionView {
        code: track.code(),
        label: track.label(),
        checked: track.code() == taken,
        vocational: track.needs_formation(),
    };
    Track::ALL.into_iter().filter(|track| track.level() == level).map(option).collect()
}

fn statuses(taken: &str) -> Vec<OptionView> {
    let label = |status| match status {
        Status::School => "Statut scolaire",
        Status::Apprentice => "Statut d'apprenti",
    };
    let option = |status: Status| {
        let (code, vocational) = (status.code(), true);
        OptionView { code, label: label(status), checked: code == taken, vocational }
    };
    [Status::School, Status::Apprentice].into_iter().map(option).collect()
}

/// The value of a field; empty when it is not there.
pub fn value<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[rstest]
    #[case::none(&[], &["voie-1-2GT Vous devez sélectionner une voie."])]
    #[case::of_another_level(&[("voie-1", "STMG")], &["voie-1-2GT Vous devez sélectionner une voie."])]
    #[case::general(&[("voie-1", "2GT")], &[])]
    #[case::general_with_what_a_hidden_field_kept(&[("voie-1", "2GT"), ("formation-1", "Mode")], &[])]
    #[case::bare_vocational(
        &[("voie-1", "2PRO"), ("formation-1", " \u{a0} ")],
        &["formation-1 Vous devez indiquer un métier ou une formation.", "statut-1-ST Vous devez sélectionner un statut."]
    )]
    #[case::vocational(&[("voie-1", "1CAP"), ("formation-1", "Mode"), ("statut-1", "AP")], &[])]
    #[case::second_empty(&[("nombre", "2"), ("voie-1", "2GT")], &["voie-2-2GT Vous devez sélectionner une voie."])]
    #[case::alike(
        &[("nombre", "2"), ("voie-1", "2GT"), ("voie-2", "2GT")],
        &["voie-2-2GT Ce choix est identique au choix 1."]
    )]
    fn each_fault_leads_to_its_field(#[case] typed: &[(&str, &str)], #[case] expected: &[&str]) {
        let rows = Draft::read(&fields(typed)).view(Level::Troisieme, Judged::Refused);
        let faults = rows.iter().flat_map(|row| &row.faults);
        assert_eq!(faults.map(|fault| format!("{} {}", fault.target, fault.said)).collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case::third(Gesture::Add, &["2GT", "2PRO", ""])]
    #[case::first_away(Gesture::Remove(1), &["2PRO"])]
    #[case::not_there(Gesture::Remove(3), &["2GT", "2PRO"])]
    #[case::preferred(Gesture::Raise(2), &["2PRO", "2GT"])]
    #[case::first_cannot_rise(Gesture::Raise(1), &["2GT", "2PRO"])]
    #[case::reread(Gesture::Reread, &["2GT", "2PRO"])]
    fn buttons_change_the_draft(#[case] gesture: Gesture, #[case] expected: &[&str]) {
        let typed = fields(&[("nombre", "2"), ("voie-1", "2GT"), ("voie-2", "2PRO")]);
        let draft = Draft::read(&typed).after(gesture);
        assert_eq!(draft.choices().iter().map(|choice| choice.track.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_demand_never_has_a_fourth_choice_nor_none() {
        let four = Draft::read(&fields(&[("nombre", "4")]));
        assert_eq!((four.choices().len(), four.has_room()), (3, false));
        assert_eq!(four.clone().after(Gesture::Add), four);
        assert_eq!(Draft::empty().after(Gesture::Remove(1)), Draft::empty());
    }
}
