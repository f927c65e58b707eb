//! The nightly report to a school (cli.md): the facts, and the letter made of them. Counts come first; no name stands in
//! it, pupils are told by their references.

use crate::check::{
    roster::{ByDivision, class_told},
    sentences,
};
use crate::domain::{
    anomaly::Code,
    campaign::CampaignKey,
    pupil::Division,
    school::School,
    time::{Date, Timestamp, french, french_day},
};
use crate::guard::{
    Alert, State,
    alerts::in_zone,
    sentences::{AT_RISK, AT_RISK_TODO},
};
use crate::mail::letter::{Block, Letter};
use std::collections::BTreeMap;

/// References listed of one kind of anomaly; the rest is counted. A letter stays readable.
const REFERENCES_MAX: usize = 20;

/// What is told of a night.
#[derive(Clone, Debug)]
pub struct Report {
    /// The school.
    pub school: School,
    /// The night's civil date.
    pub date: Date,
    /// Whether it could not do all of its work; it is tried again.
    pub failed: bool,
    /// Whether it was missed and run later.
    pub caught_up: bool,
    /// What happened since the night before.
    pub happened: Happened,
    /// Where the school stands.
    pub standing: Standing,
}

/// Where a school stands, and what there is to do; its page tells the same.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its campaigns.
    pub campaigns: Vec<Campaign>,
    /// Open anomalies, with the references of the pupils that they are about.
    pub anomalies: BTreeMap<Code, Found>,
    /// Plans and files held.
    pub held: u32,
    /// Lots in doubt.
    pub in_doubt: u32,
    /// What differs between the base élèves and the téléservice, where exports were loaded.
    pub roster: ByDivision,
}

/// What happened between two nights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    /// Lots that left, by number: demands, pupils without entry.
    pub lots: Vec<(u32, u32, u32)>,
    /// Receipts that came.
    pub receipts: u32,
    /// Response files that came.
    pub files: u32,
    /// Responses in those that were taken.
    pub responses: u32,
    /// Responses that the téléservice confirmed.
    pub carried: u32,
    /// Anomalies raised that are still open.
    pub anomalies: u32,
    /// Openings (true) and closings of the service, each with its instant.
    pub windows: Vec<(CampaignKey, bool, Timestamp)>,
}

impl Happened {
    /// Whether nothing at all did.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Where one campaign stands.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The campaign.
    pub key: CampaignKey,
    /// Its state.
    pub state: State,
    /// The guard's flag.
    pub at_risk: bool,
    /// What comes next.
    pub next: Option<(&'static str, Timestamp)>,
    /// Pupils in procedure without entry (R07).
    pub without_entry: BTreeMap<Division, u32>,
    /// What needs a hand.
    pub alerts: Vec<Alert>,
}

/// Open anomalies of one code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many.
    pub count: u32,
    /// The references of pupils among them.
    pub pupils: Vec<String>,
}

impl Standing {
    /// What there is to do, one sentence each, the most urgent first.
    pub fn todo(&self) -> Vec<String> {
        let risks =
            self.campaigns.iter().filter(|it| it.at_risk).map(|it| format!("{} – {AT_RISK_TODO}", title(it.key)));
        let mut alerts: Vec<&str> =
            self.campaigns.iter().flat_map(|it| &it.alerts).map(|alert| alert.todo.as_str()).collect();
        // What concerns the school is raised for each of its campaigns.
        alerts.dedup();
        let doubt = (0 < self.in_doubt).then(|| {
            format!("{} en doute : lancez « navette lots settle ».", counted(self.in_doubt, "envoi", "envois"))
        });
        let held = (0 < self.held).then(|| {
            format!(
                "{} : consultez « navette lots list », puis approuvez avec « navette lots approve » ce qui doit partir.",
                counted(self.held, "élément retenu", "éléments retenus")
            )
        });
        let errors = self.anomalies.iter().filter(|(code, _)| !code.is_warning());
        let anomalies =
            errors.map(|(code, found)| format!("{} ({}) : {}", code.as_str(), found.count, sentences::remedy(*code)));
        risks.chain(alerts.into_iter().map(str::to_owned)).chain(doubt).chain(held).chain(anomalies).collect()
    }
}

impl Report {
    /// Whether a person should do something. Warnings alone ask for nobody.
    pub fn needs_a_hand(&self) -> bool {
        self.failed || !self.standing.todo().is_empty()
    }

    /// The letter.
    ///
    /// # Errors
    /// The template's.
    pub fn letter(&self) -> Result<Letter, askama::Error> {
        let mut blocks = self.head();
        let todo = self.standing.todo();
        if !todo.is_empty() {
            blocks.extend([Block::Heading("À faire".to_owned()), Block::Items(todo)]);
        }
        self.standing.campaigns.iter().for_each(|campaign| blocks.extend(self.campaign(campaign)));
        if !self.standing.roster.is_empty() {
            blocks.push(Block::Heading("Base élèves".to_owned()));
            blocks.push(Block::Counts("Ce qui diffère du téléservice, par division :".to_owned(), self.roster()));
        }
        if !self.standing.anomalies.is_empty() {
            blocks.push(Block::Heading("Anomalies ouvertes".to_owned()));
            blocks.push(Block::Items(
                self.standing.anomalies.iter().map(|(code, found)| anomaly(*code, found)).collect(),
            ));
            blocks.push(Block::Line(format!(
                "Les élèves sont désignés par des références : « navette anomalies list {} --pupils » donne leur \
                 identifiant.",
                self.school.key.uai
            )));
        }
        Letter::of(self.subject(), &blocks)
    }

    /// Counts first, and no name.
    fn subject(&self) -> String {
        let todo = self.standing.todo().len() + usize::from(self.failed);
        let demands: u32 = self.happened.lots.iter().map(|(_, demands, _)| demands).sum();
        let told = [
            (u32::try_from(todo).unwrap_or(u32::MAX), "à traiter", "à traiter"),
            (demands, "demande envoyée", "demandes envoyées"),
            (self.happened.responses, "réponse reçue", "réponses reçues"),
            (self.without_entry(), "sans saisie", "sans saisie"),
        ];
        let told: Vec<String> = told
            .into_iter()
            .filter(|(count, ..)| 0 < *count)
            .map(|(count, one, many)| counted(count, one, many))
            .collect();
        let told = if told.is_empty() { "rien à traiter".to_owned() } else { told.join(", ") };
        format!("{told} – {}, nuit du {}", self.school.key.uai, self.date.format("%d/%m/%Y"))
    }

    fn without_entry(&self) -> u32 {
        self.standing
            .campaigns
            .iter()
            .filter(|it| it.state != State::Ended)
            .flat_map(|it| it.without_entry.values())
            .sum()
    }

    fn head(&self) -> Vec<Block> {
        let year = self.school.key.year.get();
        let how = match (self.failed, self.caught_up) {
            (true, _) => "n'a pas pu faire tout son travail ; elle est reprise d'elle-même",
            (false, true) => "s'est bien passée, plus tard que prévu",
            (false, false) => "s'est bien passée",
        };
        let happened = &self.happened;
        let demands = happened.lots.iter().map(|(_, demands, _)| demands).sum();
        let lots = u32::try_from(happened.lots.len()).unwrap_or(u32::MAX);
        let left = [
            ("Envois à Siècle", lots),
            ("Demandes dans ces envois", demands),
            ("Réponses confirmées par le téléservice", happened.carried),
        ];
        let came = [
            ("Comptes rendus de Siècle", happened.receipts),
            ("Fichiers de réponses", happened.files),
            ("Réponses des conseils", happened.responses),
            ("Anomalies nouvelles", happened.anomalies),
        ];
        let rows = left.into_iter().chain(came).map(|(what, count)| (what.to_owned(), count)).collect();
        let mut blocks = vec![
            Block::Line(format!("{} ({}), année scolaire {year}-{}", self.school.name, self.school.key.uai, year + 1)),
            Block::Line(format!("La nuit du {} {how}.", french_day(self.date))),
            Block::Counts("Ce qui est parti et arrivé depuis la nuit précédente :".to_owned(), rows),
        ];
        if !happened.windows.is_empty() {
            blocks.push(Block::Items(happened.windows.iter().map(|it| self.window(it)).collect()));
        }
        blocks
    }

    /// A row for each difference of a class.
    fn roster(&self) -> Vec<(String, u32)> {
        let rows = self.standing.roster.iter().flat_map(|((level, division), counts)| {
            let class = class_told(division.as_ref());
            let found = counts.told().into_iter().filter(|(_, count)| 0 < *count);
            found.map(move |(what, count)| (format!("{class}, {} : {what}", level.label()), count))
        });
        rows.collect()
    }

    fn window(&self, (key, open, at): &(CampaignKey, bool, Timestamp)) -> String {
        let what = if *open { "Service ouvert" } else { "Service fermé" };
        format!("{what} {} ({})", in_zone(*at, self.school.zone), title(*key))
    }

    fn campaign(&self, it: &Campaign) -> Vec<Block> {
        let mut blocks = vec![
            Block::Heading(format!("Campagne {}", title(it.key))),
            Block::Line(format!("État : {}. {}", it.state.label(), it.state.rule())),
        ];
        if it.state == State::Ended {
            return blocks;
        }
        let next = it.next.map_or_else(
            || "Aucune échéance n'est connue.".to_owned(),
            |(what, at)| format!("Prochaine échéance : {what}, le {}.", french(at.civil_in(self.school.zone))),
        );
        let risk = if it.at_risk { AT_RISK } else { "À risque : non." };
        blocks.extend([Block::Line(next), Block::Line(risk.to_owned())]);
        let total: u32 = it.without_entry.values().sum();
        if 0 < total {
            let caption = format!("{} en procédure sans saisie (R07) :", counted(total, "élève", "élèves"));
            let rows = it.without_entry.iter().map(|(division, count)| (division.to_string(), *count)).collect();
            blocks.push(Block::Counts(caption, rows));
        }
        blocks
    }
}

/// A campaign as staff name it.
pub fn title(key: CampaignKey) -> String {
    format!("{}, {}", key.phase.label(), key.level.label())
}

/// A number with its noun.
pub fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count < 2 { one } else { many })
}

fn anomaly(code: Code, found: &Found) -> String {
    let shown = found.pupils.iter().take(REFERENCES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = found.pupils.len().saturating_sub(REFERENCES_MAX);
    let more = if more == 0 { String::new() } else { format!(" et {more} de plus") };
    let pupils = if shown.is_empty() { String::new() } else { format!(" Élèves : {shown}{more}.") };
    format!("{} ({}) : {}{pupils}", code.as_str(), found.count, sentences::meaning(code))
}
