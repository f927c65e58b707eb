//! The scenario's names and the identifiers that both far sides know them by.

use crate::domain::{
    pupil::{PupilId, RepresentativeId},
    school::SchoolKey,
};
use crate::replay::scenario::PupilSpec;
use std::collections::BTreeMap;

/// `ELEVE_ID` of the first pupil (scenarios.md).
const FIRST_PUPIL: i64 = 100;

/// Who is who.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pupils: BTreeMap<(SchoolKey, String), PupilId>,
    pupil_names: BTreeMap<(SchoolKey, PupilId), String>,
    representatives: BTreeMap<String, RepresentativeId>,
    representative_names: BTreeMap<RepresentativeId, String>,
}

impl Names {
    /// Gives a pupil its identifier, in order of appearance across the scenario; one who comes back keeps it.
    pub fn enrol(&mut self, school: SchoolKey, spec: &PupilSpec) -> (PupilId, Vec<RepresentativeId>) {
        let known = self.pupils.get(&(school, spec.id.clone())).copied();
        let next = FIRST_PUPIL + i64::try_from(self.pupil_names.len()).unwrap_or(i64::MAX - FIRST_PUPIL);
        let pupil = known.unwrap_or(PupilId(next));
        self.pupils.insert((school, spec.id.clone()), pupil);
        self.pupil_names.insert((school, pupil), spec.id.clone());
        let representatives = spec.representatives.iter().map(|name| self.representative(name)).collect();
        (pupil, representatives)
    }

    fn representative(&mut self, name: &str) -> RepresentativeId {
        let next = RepresentativeId(1 + i64::try_from(self.representatives.len()).unwrap_or(i64::MAX - 1));
        let id = *self.representatives.entry(name.to_owned()).or_insert(next);
        self.representative_names.insert(id, name.to_owned());
        id
    }

    /// The school and identifier of the pupil whom a step at `school` names: its own, else another school's. Two schools
    /// may have synthetic pupils of the same names.
    pub fn pupil(&self, school: SchoolKey, name: &str) -> Option<(SchoolKey, PupilId)> {
        let own = self.pupils.get(&(school, name.to_owned())).map(|pupil| (school, *pupil));
        let mut others = self.pupils.iter().filter(|((_, other), _)| other == name);
        own.or_else(|| others.next().map(|((at, _), pupil)| (*at, *pupil)))
    }

    /// The identifier of a representative.
    pub fn representative_of(&self, name: &str) -> Option<RepresentativeId> {
        self.representatives.get(name).copied()
    }

    /// The name of a pupil; the number where the scenario has none.
    pub fn of_pupil(&self, school: SchoolKey, pupil: PupilId) -> String {
        // Numbers are unique across a scenario: another school's pupil has a name as well (anomaly `ETABLISSEMENT`).
        let elsewhere = || self.pupil_names.iter().find(|((_, other), _)| *other == pupil).map(|(_, name)| name);
        let name = self.pupil_names.get(&(school, pupil)).or_else(elsewhere);
        name.cloned().unwrap_or_else(|| pupil.to_string())
    }

    /// The name of a representative.
    pub fn of_representative(&self, id: RepresentativeId) -> String {
        self.representative_names.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// Every pupil, by school and name.
    pub fn pupils(&self) -> impl Iterator<Item = (&String, SchoolKey, PupilId)> {
        self.pupils.iter().map(|((school, name), pupil)| (name, *school, *pupil))
    }
}
