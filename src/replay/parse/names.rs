//! The names that steps use, of people and of files, checked while a scenario is read: an unknown one is a fault with its
//! line.

use crate::domain::school::Uai;
use crate::replay::document::Section;
use crate::replay::scenario::{Action, Entry, FaultSpec, PupilSpec, SchoolSpec, Step, Who};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// The names that steps may use so far.
pub(in crate::replay) struct Known {
    several_schools: bool,
    /// The schools at which somebody has a name.
    pupils: BTreeMap<String, BTreeSet<Uai>>,
    representatives: BTreeSet<String>,
    folder: Option<PathBuf>,
}

impl Known {
    /// What the schools bring; `folder` is where delivered files lie.
    pub(in crate::replay) fn of(schools: &[SchoolSpec], folder: Option<PathBuf>) -> Self {
        let (several_schools, pupils) = (1 < schools.len(), BTreeMap::new());
        let mut known = Self { several_schools, pupils, representatives: BTreeSet::new(), folder };
        for school in schools {
            school.pupils.iter().for_each(|pupil| known.add(school.uai, pupil));
        }
        known
    }

    fn add(&mut self, uai: Uai, pupil: &PupilSpec) {
        self.pupils.entry(pupil.id.clone()).or_default().insert(uai);
        self.representatives.extend(pupil.representatives.iter().cloned());
    }

    /// Notes names that nobody has, and a school or a campaign that is not named where one is needed.
    pub(in crate::replay) fn check(&mut self, section: &Section<'_>, step: &Step) {
        if self.several_schools && !section.has("uai") && !self.names_its_school(&step.action) {
            section.fault("`uai` is missing: the scenario has several schools");
        }
        match &step.action {
            Action::Draft(Entry { who, .. }) | Action::Validate(Entry { who, .. }) => {
                self.who(section, who);
                needs_phase(section, step);
            }
            Action::Logout(who) | Action::Acknowledge(who) | Action::Reply { who, .. } => self.who(section, who),
            Action::Leave { pupil } => self.pupil(section, "pupil", pupil),
            Action::Arrive(pupil) => self.add(step.uai, pupil),
            Action::Respond { pupil, .. } => {
                pupil.iter().for_each(|pupil| self.pupil(section, "pupil", pupil));
                needs_phase(section, step);
            }
            Action::Faults(_, FaultSpec { reject: Some(names), .. }) => {
                names.iter().for_each(|name| self.pupil(section, "reject", name));
            }
            Action::Deliver { file, .. } if section.has("file") => {
                if self.folder.as_ref().is_some_and(|folder| !folder.join(file).is_file()) {
                    section.fault_of("file", format!("\"{file}\" is no file of the scenario's folder"));
                }
            }
            Action::ValidateAll { .. }
            | Action::Window { .. }
            | Action::Calendar { .. }
            | Action::Switch { .. }
            | Action::EntryComplete => needs_phase(section, step),
            Action::Expect(expected) if expected.is_of_a_campaign() => needs_phase(section, step),
            Action::AcknowledgeAll
            | Action::Emit { .. }
            | Action::Sync { .. }
            | Action::Resync
            | Action::Approve
            | Action::Faults(..)
            | Action::Deliver { .. }
            | Action::Daemon { .. }
            | Action::Crash { .. }
            | Action::Expect(_) => (),
        }
    }

    /// Whether it is plain without a UAI where a step takes place: everywhere, or at the one school of its pupil.
    fn names_its_school(&self, action: &Action) -> bool {
        let who = match action {
            Action::Draft(Entry { who, .. })
            | Action::Validate(Entry { who, .. })
            | Action::Logout(who)
            | Action::Acknowledge(who)
            | Action::Reply { who, .. } => &who.pupil,
            Action::Leave { pupil } => pupil,
            Action::ValidateAll { .. }
            | Action::AcknowledgeAll
            | Action::Emit { .. }
            | Action::Arrive(_)
            | Action::Window { .. }
            | Action::Calendar { .. }
            | Action::Switch { .. }
            | Action::Respond { .. }
            | Action::EntryComplete
            | Action::Sync { .. }
            | Action::Resync
            | Action::Approve
            | Action::Faults(..)
            | Action::Deliver { .. }
            | Action::Daemon { .. }
            | Action::Crash { .. }
            | Action::Expect(_) => return action.is_everywhere(),
        };
        // A name that nobody has is a fault of its own.
        self.pupils.get(who).is_none_or(|schools| schools.len() == 1)
    }

    fn who(&self, section: &Section<'_>, who: &Who) {
        self.pupil(section, "pupil", &who.pupil);
        if section.has("by") && !self.representatives.contains(&who.by) {
            section.fault_of("by", format!("\"{}\" represents nobody", who.by));
        }
    }

    fn pupil(&self, section: &Section<'_>, key: &'static str, name: &str) {
        if section.has(key) && !self.pupils.contains_key(name) {
            section.fault_of(key, format!("\"{name}\" is no pupil"));
        }
    }
}

fn needs_phase(section: &Section<'_>, step: &Step) {
    if step.phase.is_none() {
        section.fault("`phase` is missing: the school has several campaigns, or none");
    }
}
