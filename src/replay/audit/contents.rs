//! What Siècle must hold, what must stand at the téléservice, and that no number ever has two contents.

use crate::codec::{self, envelope::sha256};
use crate::domain::{
    anomaly::Code,
    campaign::CampaignKey,
    event::RawChoice,
    lot::{Document, FileName},
    pupil::PupilId,
    school::SchoolKey,
    time::Timestamp,
};
use crate::replay::{
    audit::{Check, Finding, windows::Sight},
    golden::Tree,
};
use crate::sandbox::{
    desk::{Desk, Record},
    siecle::{DepositState, Office},
};
use std::collections::BTreeMap;

/// Contents that were seen under a name or a number.
#[derive(Clone, Debug, Default)]
pub struct Seen(BTreeMap<String, [u8; 32]>);

impl Seen {
    /// A number that has another content than before, among deposits, orders and exchanged files.
    pub fn two_contents(&mut self, school: SchoolKey, desk: &Desk, office: &Office, files: &Tree) -> Option<Finding> {
        let mut found = Vec::new();
        for (number, deposit) in &office.deposits {
            found.push((format!("lot {school} {number}"), sha256(&deposit.file.bytes)));
            found.push((deposit.file.name.to_string(), sha256(&deposit.file.bytes)));
        }
        for (number, obeyed) in &desk.obeyed {
            found.push((format!("order {school} {number}"), sha256(format!("{obeyed:?}").as_bytes())));
        }
        for (path, bytes) in files {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            found.push((name, sha256(bytes)));
        }
        let other = found.into_iter().find_map(|(name, digest)| {
            let known = *self.0.entry(name.clone()).or_insert(digest);
            (known != digest).then_some(name)
        });
        let order = desk.conflicts.first().map(|number| format!("order {school} {number}"));
        let said = |name: String| Finding::new(Check::TwoContents, format!("{name} has two contents"));
        other.or(order).map(said)
    }
}

/// A lot that Siècle received and that was not kept among the exchanged files.
pub fn not_kept(office: &Office, files: &Tree) -> Option<Finding> {
    let kept =
        |name: &FileName| files.keys().any(|path| path.file_name().is_some_and(|file| *file == *name.to_string()));
    let lost = office.deposits.values().find(|deposit| !kept(&deposit.file.name))?;
    let said = format!("{} was sent and is not among the exchanged files", lost.file.name);
    Some(Finding::new(Check::TwoContents, said))
}

/// The highest response file among the exchanged files of a school.
pub fn read_up_to(school: SchoolKey, files: &Tree) -> u32 {
    let names = files.keys().filter_map(|path| FileName::parse(&path.file_name()?.to_string_lossy()));
    let own = names.filter(|name| name.document == Document::Responses && name.key.school == school);
    own.map(|name| name.number).max().unwrap_or_default()
}

/// Proof 3: every pupil's last validated version is in Siècle, unless the pupil stands in the anomalies, left, or is out of
/// procedure.
pub fn lost_versions(sight: &Sight<'_>) -> Vec<Finding> {
    let (key, phase) = (sight.key, sight.key.phase);
    if sight.moves().is_empty() {
        return Vec::new();
    }
    let held = sight.office.held.get(&key);
    let lost =
        sight.desk.pupils.values().filter(|record| record.present && record.pupil.in_procedure).filter_map(|record| {
            let version = record.last_version(phase)?.number;
            let pupil = record.pupil.id;
            let there = held.and_then(|held| held.get(&pupil)).and_then(|held| held.demand.as_ref());
            let there = there.map(|demand| demand.version);
            (there != Some(version) && !stands_in_anomalies(sight, pupil)).then(|| {
                let said = format!(
                    "version {version} of pupil {pupil} is missing from Siècle in {key}, which holds {there:?}"
                );
                Finding::new(Check::LostVersion, said)
            })
        });
    lost.collect()
}

fn stands_in_anomalies(sight: &Sight<'_>, pupil: PupilId) -> bool {
    const LEFT_OUT: [Code; 9] = [
        Code::Evenement,
        Code::Texte,
        Code::Choix,
        Code::Voie,
        Code::Proprietaire,
        Code::AccuseManquant,
        Code::Verrouillee,
        Code::Encodage,
        Code::Rejet,
    ];
    LEFT_OUT.iter().any(|code| sight.anomalies.contains(&(pupil, *code)))
}

/// A demand that the téléservice accepted by its rules and that was refused on arrival: the two opinions differ.
pub fn second_opinions(sight: &Sight<'_>) -> Vec<Finding> {
    const RULES: [Code; 5] =
        [Code::Choix, Code::Proprietaire, Code::AccuseManquant, Code::Verrouillee, Code::Evenement];
    let differ = sight.anomalies.iter().filter(|(_, code)| RULES.contains(code));
    let said = |(pupil, code): &(PupilId, Code)| {
        let said =
            format!("{} for pupil {pupil} in {}, whom the téléservice had let through", code.as_str(), sight.key);
        Finding::new(Check::SecondOpinion, said)
    };
    differ.map(said).collect()
}

/// Every demand that Siècle holds is one that a family validated, as it did.
pub fn invented(sight: &Sight<'_>) -> Vec<Finding> {
    let held = sight.office.held.get(&sight.key).into_iter().flatten();
    let wrong = held.filter_map(|(pupil, held)| {
        let demand = held.demand.as_ref()?;
        let record = sight.desk.pupils.get(pupil);
        let versions = record.and_then(|record| record.phases.get(&sight.key.phase)).map(|entry| &entry.versions);
        let meant = versions.into_iter().flatten().find(|version| version.number == demand.version);
        let same = meant.is_some_and(|meant| {
            let carried = demand.choices.as_slice().iter().map(|choice| {
                let formation = choice.formation();
                let label = formation.map(|one| words(&one.label));
                (choice.track().code().to_owned(), label, formation.map(|one| one.status.code().to_owned()))
            });
            let typed = meant.choices.iter().map(typed);
            meant.at == demand.validated_at && meant.by == demand.representative && carried.eq(typed)
        });
        (!same).then(|| {
            let said = format!(
                "Siècle holds version {} of pupil {pupil} in {} and nobody validated it so",
                demand.version, sight.key
            );
            Finding::new(Check::LostVersion, said)
        })
    });
    wrong.collect()
}

fn typed(choice: &RawChoice) -> (String, Option<String>, Option<String>) {
    (choice.track.clone(), choice.formation.as_deref().map(words), choice.status.clone())
}

fn words(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every response that a council entered stands at the téléservice, or in the anomalies, once the window is closed.
pub fn lost_responses(sight: &Sight<'_>) -> Vec<Finding> {
    let (key, phase) = (sight.key, sight.key.phase);
    if sight.desk.is_open(key.level, phase) {
        return Vec::new();
    }
    let Some((_, last)) = sight.files().pop_last() else { return Vec::new() };
    let applied =
        |record: &Record| record.phases.get(&phase).and_then(|entry| entry.response.as_ref()).map(|one| one.entered_at);
    let missing = last.rows.iter().filter(|row| {
        let record = sight.desk.pupils.get(&row.pupil).filter(|record| record.present);
        record.is_some_and(|record| applied(record) != Some(row.entered_at)) && !sight.is_refused(row.pupil)
    });
    let said = |row: &crate::domain::response::RawResponse| {
        let (pupil, at) = (row.pupil, row.entered_at.rfc3339_utc());
        Finding::new(
            Check::LostResponse,
            format!("the response of {at} for pupil {pupil} in {key} is not at the téléservice"),
        )
    };
    missing.map(said).collect()
}

/// Lots of a school and year whose numbers do not rise with the instants at which they were cut.
pub fn out_of_order(office: &Office) -> Option<Finding> {
    let mut last: Option<(u32, Timestamp)> = None;
    for (number, deposit) in &office.deposits {
        let Ok(lot) = codec::decode_lot(deposit.file.name, &deposit.file.bytes) else { continue };
        if last.is_some_and(|(_, at)| lot.head.stamped_at < at) {
            let said = format!("lot {number} was cut before the one numbered below it");
            return Some(Finding::new(Check::TwoContents, said));
        }
        last = Some((*number, lot.head.stamped_at));
    }
    None
}

/// Whether Siècle refused for good the last lot of a campaign: that needs a human, and excuses what it carried.
pub fn is_rejected(office: &Office, key: CampaignKey) -> bool {
    let last = office.deposits.values().rfind(|deposit| deposit.file.name.key == key);
    last.is_some_and(|deposit| matches!(deposit.state, DepositState::Rejected(_)))
}
