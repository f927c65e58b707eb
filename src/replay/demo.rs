//! The built-in scenario of `navette demo`, and its French timeline.

use crate::codec::xml::roster::read_file;
use crate::domain::{
    lot::Format,
    time::{Timestamp, Zone, french},
};
use crate::files::keep_copy;
use crate::mail::report::counted;
use crate::replay::{
    document::Fault,
    parse::parse,
    player::Happening,
    scenario::{Action, Scenario, Step, Who},
    stage::Stage,
    steps::Played,
};
use crate::run::{
    outcome::Done,
    roster::{self, Brought},
};
use crate::sandbox::{exports, hold};
use crate::window::Hand;
use std::{io::Cursor, path::Path};

/// The family name of the guide's pupil.
const LAST_NAME: &str = "DUPOND";

/// The scenario of the demonstration.
///
/// # Errors
/// Never, unless the built-in text was broken.
pub fn scenario(format: Format) -> Result<Scenario, Vec<Fault>> {
    let mut scenario = parse(include_str!("demo.toml"), "demo", None)?;
    scenario.format = format;
    christen(&mut scenario);
    Ok(scenario)
}

/// The guide's pupil has the guide's name.
pub fn christen(scenario: &mut Scenario) {
    let pupils = scenario.schools.iter_mut().flat_map(|school| &mut school.pupils);
    for pupil in pupils.filter(|pupil| pupil.id == "jules") {
        pupil.last_name = Some(LAST_NAME.to_owned());
    }
}

/// Tells what happens, a sentence each, as school staff would.
pub struct Timeline {
    zone: Zone,
}

/// One sentence of the timeline.
pub struct Told {
    /// When it happened.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

impl Timeline {
    /// The timeline of a scenario, in the zone of its first school.
    pub fn of(scenario: &Scenario) -> Self {
        Self { zone: scenario.schools.first().map_or(Zone::Europe__Paris, |school| school.zone) }
    }

    /// What is told of one happening; nothing of what nobody would tell.
    pub fn tell(happening: &Happening<'_>) -> Vec<Told> {
        match happening {
            Happening::Step(step, played) => {
                told(step, played).map(|text| Told { at: step.at, text }).into_iter().collect()
            }
            Happening::Tick(now, summary) => {
                summary.schools.values().flat_map(|done| Self::ticked(*now, done)).collect()
            }
        }
    }

    /// What is told of one tick of one school.
    pub fn ticked(now: Timestamp, done: &Done) -> Vec<Told> {
        told_of(done).into_iter().map(|text| Told { at: now, text }).collect()
    }

    /// A sentence as a line for people, in the school's time.
    pub fn line(&self, Told { at, text }: &Told) -> String {
        format!("{:<34} {text}", french(at.civil_in(self.zone)))
    }
}

/// What the school's *base élèves* exports, written to `folder` and put beside the téléservice: a line a school.
///
/// # Errors
/// When they cannot be written or read, or the ledger cannot be used.
pub async fn exports(stage: &Stage, folder: &Path) -> anyhow::Result<Vec<String>> {
    let now = stage.clock.now();
    let mut said = Vec::new();
    for (key, served) in stage.ctx.schools.iter() {
        let office = hold(&stage.siecle).school(*key).map(|office| office.pupils.values().cloned().collect::<Vec<_>>());
        let pupils = office.unwrap_or_default();
        let written = exports::exports(*key, &pupils, &exports::enrolled(&pupils), now.civil_in(served.school.zone))?;
        let mut brought = Brought::default();
        for (name, bytes) in written {
            keep_copy(&folder.join(name), &bytes)?;
            let export = read_file(Cursor::new(bytes), &mut |_| ())?;
            brought.add(export, &served.school)?;
        }
        let compared = roster::check(&stage.ctx, served, brought, now).await?;
        let known = counted(compared.pupils.iter().flat_map(|levels| levels.values()).sum(), "élève", "élèves");
        let differences = u32::try_from(compared.findings.len()).unwrap_or(u32::MAX);
        let differences = counted(differences, "écart", "écarts");
        said.push(format!("base élèves de {key} : {known}, {differences} avec le téléservice"));
    }
    Ok(said)
}

fn told(step: &Step, played: &Played) -> Option<String> {
    let refused = played.outcome.as_deref().filter(|outcome| *outcome != "ok");
    let said = match &step.action {
        Action::Validate(entry) => {
            let Who { pupil, by } = &entry.who;
            format!("{by} valide {} choix pour {pupil}", entry.choices.len())
        }
        Action::ValidateAll { division, .. } => {
            let division = division.as_ref().map_or("toutes les divisions", |division| division.as_str());
            format!("toutes les familles de la {division} valident un choix")
        }
        Action::Logout(who) => format!("{} se déconnecte : récapitulatifs aux deux représentants (R13)", who.by),
        Action::Acknowledge(who) => format!("{} accuse réception de l'avis pour {}", who.by, who.pupil),
        Action::Reply { who, accept } if accept.is_empty() => {
            format!("{} signifie son désaccord pour {}", who.by, who.pupil)
        }
        Action::Reply { who, accept } => {
            let voies: Vec<&str> = accept.iter().map(|track| track.label()).collect();
            format!("{} accepte pour {} : {}", who.by, who.pupil, voies.join(", "))
        }
        Action::Respond { division, .. } => {
            let whose = division.as_ref().map_or_else(String::new, |division| format!(" de la {division}"));
            format!("conseil de classe : les réponses{whose} sont saisies dans Siècle")
        }
        Action::EntryComplete => "l'établissement déclare la saisie terminée".to_owned(),
        Action::Window { hand: Hand::Reopen, .. } => "l'établissement demande la réouverture".to_owned(),
        Action::Window { hand: Hand::Open, .. } => "l'établissement demande l'ouverture".to_owned(),
        Action::Window { hand: Hand::Close, .. } => "l'établissement demande la fermeture".to_owned(),
        Action::Draft(_)
        | Action::AcknowledgeAll
        | Action::Emit { .. }
        | Action::Arrive(_)
        | Action::Leave { .. }
        | Action::Calendar { .. }
        | Action::Switch { .. }
        | Action::Sync { .. }
        | Action::Resync
        | Action::Approve
        | Action::Faults(..)
        | Action::Deliver { .. }
        | Action::Daemon { .. }
        | Action::Crash { .. }
        | Action::Expect(_) => return None,
    };
    Some(match (refused, &played.sentence) {
        (None, _) => said,
        (Some(code), Some(sentence)) => format!("{said} → refusé ({code}) : {sentence}"),
        (Some(code), None) => format!("{said} → refusé ({code})"),
    })
}

fn told_of(done: &Done) -> Vec<String> {
    let mut said = Vec::new();
    for (open, motive) in &done.windows {
        said.push(format!("le téléservice {} ({})", if *open { "ouvre" } else { "ferme" }, motive.code()));
    }
    if let Some((date, caught_up)) = &done.night
        && *caught_up
    {
        said.push(format!("nuit du {date} rattrapée"));
    }
    if 0 < done.responses {
        let responses = counted(done.responses, "réponse des conseils reçue", "réponses des conseils reçues");
        said.push(format!("nuit : {responses} de Siècle"));
    }
    if 0 < done.carried {
        let one = "réponse portée au téléservice, demande verrouillée";
        let carried = counted(done.carried, one, "réponses portées au téléservice, demandes verrouillées");
        said.push(format!("nuit : {carried} (R11)"));
    }
    for lot in &done.lots {
        let (number, demands) = (lot.number, counted(lot.demands, "demande", "demandes"));
        let without = counted(lot.without_entry, "élève sans saisie", "élèves sans saisie");
        said.push(format!("nuit : envoi n° {number} à Siècle, {demands}, {without}"));
    }
    if 0 < done.receipts {
        said.push("nuit : compte rendu de Siècle reçu".to_owned());
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_scenario_reads() {
        for format in [Format::Xml, Format::Csv] {
            assert_eq!(scenario(format).map(|scenario| scenario.format), Ok(format));
        }
    }
}
