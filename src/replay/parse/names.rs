//! The names that steps use, of people and of files, checked while a scenario is read: an unknown one is a fault with its
//! line.

use crate::replay::document::Section;
use crate::replay::scenario::{Action, Entry, FaultSpec, PupilSpec, SchoolSpec, Step, Who};
use std::{collections::BTreeSet, path::PathBuf};

/// The names that steps may use so far.
pub(in crate::replay) struct Known {
    pupils: BTreeSet<String>,
    representatives: BTreeSet<String>,
    folder: Option<PathBuf>,
}

impl Known {
    /// What the schools bring; `folder` is where delivered files lie.
    pub(in crate::replay) fn of(schools: &[SchoolSpec], folder: Option<PathBuf>) -> Self {
        let mut known = Self { pupils: BTreeSet::new(), representatives: BTreeSet::new(), folder };
        schools.iter().flat_map(|school| &school.pupils).for_each(|pupil| known.add(pupil));
        known
    }

    fn add(&mut self, pupil: &PupilSpec) {
        self.pupils.insert(pupil.id.clone());
        self.representatives.extend(pupil.representatives.iter().cloned());
    }

    /// Notes names that nobody has, and a campaign that is not named where one is needed.
    pub(in crate::replay) fn check(&mut self, section: &Section<'_>, step: &Step) {
        match &step.action {
            Action::Draft(Entry { who, .. }) | Action::Validate(Entry { who, .. }) => {
                self.who(section, who);
                needs_phase(section, step);
            }
            Action::Logout(who) | Action::Acknowledge(who) | Action::Reply { who, .. } => self.who(section, who),
            Action::Leave { pupil } => self.pupil(section, "pupil", pupil),
            Action::Arrive(pupil) => self.add(pupil),
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

    fn who(&self, section: &Section<'_>, who: &Who) {
        self.pupil(section, "pupil", &who.pupil);
        if section.has("by") && !self.representatives.contains(&who.by) {
            section.fault_of("by", format!("\"{}\" represents nobody", who.by));
        }
    }

    fn pupil(&self, section: &Section<'_>, key: &'static str, name: &str) {
        if section.has(key) && !self.pupils.contains(name) {
            section.fault_of(key, format!("\"{name}\" is no pupil"));
        }
    }
}

fn needs_phase(section: &Section<'_>, step: &Step) {
    if step.phase.is_none() {
        section.fault("`phase` is missing: the school has several campaigns, or none");
    }
}
