//! `navette window`: the guard by hand. School staff read what it prints: French.

use crate::cli::{
    Global,
    exit::{Exit, Stop},
    output::{print, print_json},
    parsers,
    wire::{Desk, who},
};

use crate::domain::{
    campaign::{CampaignKey, Phase},
    school::{Level, SchoolYear, Uai},
    time::{Timestamp, Zone, french},
};

use crate::guard::{
    self, Close, Facts, Import, Open, Policy, Refusal, Reopen, Verdict, sentences::AT_RISK, window::How,
};

use crate::run::{context::Served, status};

use crate::window::{self, Answer, Hand};
use serde_json::{Value, json};

/// Arguments of `navette window`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with a window.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Explain every fact, the rule that holds now and the next instants
    Show(Campaign),
    /// Open the téléservice
    Open(Order),
    /// Close the téléservice
    Close(Order),
    /// Reopen the téléservice for acknowledgements and replies
    Reopen(Order),
}

/// Which campaign.
#[derive(Debug, clap::Args)]
pub struct Campaign {
    /// The school
    #[arg(value_parser = parsers::uai)]
    pub uai: Uai,
    /// The school year, where the school is configured with two
    #[arg(long, value_name = "AAAA", value_parser = parsers::year)]
    pub year: Option<SchoolYear>,
    /// The phase, where the school has several campaigns: PROVISOIRE or DEFINITIVE
    #[arg(long, value_name = "PHASE", value_parser = parsers::phase)]
    pub phase: Option<Phase>,
    /// The level, where the school has several: 3E or 2GT
    #[arg(long, value_name = "LEVEL", value_parser = parsers::level)]
    pub level: Option<Level>,
}

/// An order to the guard.
#[derive(Debug, clap::Args)]
pub struct Order {
    /// Which campaign.
    #[command(flatten)]
    pub campaign: Campaign,
    /// Whether a refusal is lifted.
    #[command(flatten)]
    pub derogation: Derogation,
}

/// A dérogation: both options, or none.
#[derive(Clone, Debug, clap::Args)]
pub struct Derogation {
    /// Lift a refusal of the guard, where the configuration permits it
    #[arg(long = "override", requires = "reason")]
    pub lift: bool,
    /// Why: journaled with who and when
    #[arg(long, value_name = "TEXT", requires = "lift", value_parser = parsers::reason)]
    pub reason: Option<String>,
}

impl Derogation {
    /// The dérogation as the guard is asked for it.
    pub fn asked(&self) -> Option<guard::Derogation> {
        self.reason.clone().filter(|_| self.lift).map(|reason| guard::Derogation { reason, who: who() })
    }
}

/// Asks the guard, and gives the order where it permits.
///
/// # Errors
/// When the configuration is faulty, the school unknown, or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let desk = global.connect().await?;
    let exit = match args.action {
        Action::Show(campaign) => desk.span.around(show(&desk, &campaign, global)).await?,
        Action::Open(order) => desk.span.around(ask(&desk, &order, Hand::Open, global)).await?,
        Action::Close(order) => desk.span.around(ask(&desk, &order, Hand::Close, global)).await?,
        Action::Reopen(order) => desk.span.around(ask(&desk, &order, Hand::Reopen, global)).await?,
    };
    desk.ctx.store.close().await;
    Ok(exit)
}

async fn ask(desk: &Desk, order: &Order, hand: Hand, global: &Global) -> anyhow::Result<Exit> {
    let Campaign { uai, year, phase, level } = order.campaign;
    let served = desk.served(uai, year)?;
    let key = desk.campaign(served.school.key, phase, level).await?;
    let answer = window::ask(&desk.ctx, served, key, hand, order.derogation.asked(), desk.now()).await?;
    let (exit, code, earliest, sentence) = match answer {
        Answer::Done => (Exit::Done, "ok", None, done(hand).to_owned()),
        Answer::Already => (Exit::Done, "ok", None, already(hand).to_owned()),
        Answer::Refused(refusal) => {
            (Exit::Guard, refusal.code.as_str(), refusal.earliest, refusal.sentence(served.school.zone))
        }
        Answer::Failed(why) => {
            let sentence = format!(
                "L'ordre est enregistré, mais le téléservice ne l'a pas reçu ({why}) : il lui sera redonné à chaque \
                 passage."
            );
            (Exit::TryAgain, "FAILED", None, sentence)
        }
    };
    if global.json {
        let earliest = earliest.map(|at| at.rfc3339_utc());
        print_json(
            &json!({ "campaign": key.to_string(), "outcome": code, "earliest": earliest, "sentence": sentence }),
        )?;
    } else {
        print(&format!("{code}: {sentence}\n"))?;
    }
    Ok(exit)
}

const fn done(hand: Hand) -> &'static str {
    match hand {
        Hand::Open => "L'ouverture est ordonnée au téléservice.",
        Hand::Close => "La fermeture est ordonnée au téléservice.",
        Hand::Reopen => "La réouverture est ordonnée au téléservice.",
    }
}

const fn already(hand: Hand) -> &'static str {
    match hand {
        Hand::Open | Hand::Reopen => "Le service est déjà ouvert : rien n'a changé.",
        Hand::Close => "Le service est déjà fermé : rien n'a changé.",
    }
}

async fn show(desk: &Desk, campaign: &Campaign, global: &Global) -> anyhow::Result<Exit> {
    let served = desk.served(campaign.uai, campaign.year)?;
    // The feed is read before anything is told, so that campaigns which it has just shown are told too.
    let first = desk.campaigns(served.school.key, campaign.phase, campaign.level).await?;
    if let Some(key) = first.first() {
        window::show(&desk.ctx, served, *key, desk.now()).await?;
    }
    let now = desk.now();
    let status = status::of_school(&desk.ctx, served, now).await?;
    let mut documents = Vec::new();
    for key in desk.campaigns(served.school.key, campaign.phase, campaign.level).await? {
        let facts = window::show(&desk.ctx, served, key, now).await?;
        let known = status.campaigns.iter().find(|it| it.key == key);
        let alerts: Vec<(&str, &str)> =
            known.iter().flat_map(|it| &it.alerts).map(|it| (it.code.as_str(), it.todo.as_str())).collect();
        let shown = Shown { served, facts: &facts, policy: desk.ctx.settings.policy, now, alerts };
        documents.push(shown.json());
        if !global.json {
            print(&shown.text())?;
        }
    }
    if documents.is_empty() {
        return Err(Stop::usage(format!("{} has no such campaign", served.school.key)).into());
    }
    if global.json {
        print_json(&json!({ "at": now.rfc3339_utc(), "campaigns": documents }))?;
    }
    Ok(Exit::Done)
}

/// What the guard would answer now.
enum Would {
    Allow,
    Already,
    Refuse(Refusal),
}

impl Would {
    fn json(&self, zone: Zone) -> Value {
        match self {
            Self::Allow => json!({ "code": "ok", "already": false }),
            Self::Already => json!({ "code": "ok", "already": true }),
            Self::Refuse(refusal) => {
                let earliest = refusal.earliest.map(|at| at.rfc3339_utc());
                json!({ "code": refusal.code.as_str(), "earliest": earliest, "sentence": refusal.sentence(zone) })
            }
        }
    }
}

/// One campaign, to be explained.
struct Shown<'a> {
    served: &'a Served,
    facts: &'a Facts,
    policy: Policy,
    now: Timestamp,
    alerts: Vec<(&'a str, &'a str)>,
}

impl Shown<'_> {
    fn zone(&self) -> Zone {
        self.facts.zone()
    }

    fn text(&self) -> String {
        let CampaignKey { school, level, phase } = self.facts.key();
        let (state, zone) = (self.facts.state(self.now), self.zone());
        let mut text = format!(
            "{} ({}), année scolaire {}-{}, palier {}, phase {}\n\nÉtat : {} ({})\nRègle en vigueur : {}\n",
            self.served.school.name,
            school.uai,
            school.year,
            school.year.get() + 1,
            level.code(),
            phase.code(),
            state.label(),
            state.as_str(),
            state.rule()
        );
        if self.facts.at_risk(self.now) {
            text.push_str(&format!("{AT_RISK}\n"));
        }
        text.push_str("\nCe que navette sait :\n");
        for (label, said, _) in self.told() {
            text.push_str(&format!("  {label:<34} {said}\n"));
        }
        text.push_str("\nCe qui serait répondu maintenant :\n");
        for (what, would) in self.verdicts() {
            let said = match would {
                Would::Allow => "permis".to_owned(),
                Would::Already => "c'est déjà le cas".to_owned(),
                Would::Refuse(refusal) => format!("refusé, {} : {}", refusal.code.as_str(), refusal.sentence(zone)),
            };
            text.push_str(&format!("  {what:<34} {said}\n"));
        }
        text.push_str("\nProchaines échéances (heure locale, puis UTC) :\n");
        let next = self.facts.next_instants(self.now);
        if next.is_empty() {
            text.push_str("  aucune\n");
        }
        for (what, at) in next {
            text.push_str(&format!("  {:<34} {}\n", what.label(), spoken(at, zone)));
        }
        for (code, todo) in &self.alerts {
            text.push_str(&format!("\nAlerte {code} : {todo}\n"));
        }
        text + "\n"
    }

    /// Every fact: what staff read, and the value.
    fn told(&self) -> Vec<(&'static str, String, (&'static str, Value))> {
        let (facts, zone) = (self.facts, self.zone());
        let instant = |label, name, at: Option<Timestamp>| {
            let said = at.map_or_else(|| "pas encore connu".to_owned(), |at| spoken(at, zone));
            (label, said, (name, json!(at.map(|at| at.rfc3339_utc()))))
        };
        let calendar = facts.calendar();
        let mut told = vec![match calendar {
            None => ("calendrier", "aucun n'est chargé".to_owned(), ("calendar", Value::Null)),
            Some(calendar) => {
                let starts = || calendar.councils.iter();
                let said = starts().map(|(division, at)| format!("{division} : {}", spoken(*at, zone)));
                let councils: serde_json::Map<String, Value> =
                    starts().map(|(division, at)| (division.to_string(), json!(at.rfc3339_utc()))).collect();
                ("conseils", said.collect::<Vec<_>>().join(", "), ("calendar", json!({ "councils": councils })))
            }
        }];
        if let Some(calendar) = calendar {
            told.push(instant("ouverture prévue", "opens", Some(calendar.opens)));
            told.push(instant("fermeture prévue", "closes", Some(calendar.closes)));
            told.push(instant("premier conseil", "first_council", facts.first_council()));
            told.push(instant("dernière fermeture permise (R08)", "deadline", facts.deadline()));
            told.push(instant("dernier conseil", "last_council", facts.last_council()));
            told.push(instant("réouverture prévue", "reopens", calendar.reopens));
            told.push(instant("fin prévue", "ends", calendar.ends));
        }
        told.push(("service", self.service(), ("open", json!(facts.open()))));
        told.push(instant("dernière fermeture constatée", "closed_at", facts.closed_at()));
        let closed_seq = facts.closed_seq();
        let said = closed_seq.map_or_else(|| "pas encore connu".to_owned(), |seq| format!("événement {seq} du flux"));
        told.push(("rang de cette fermeture", said, ("closed_seq", json!(closed_seq))));
        told.push(instant("demandes reçues par Siècle (R09)", "demands_in_at", facts.demands_in_at()));
        told.push(self.missing());
        told.push(instant("réponses toutes saisies (R10)", "responses_entered_at", facts.responses_entered_at()));
        told.push(instant("réponses au téléservice (R10)", "responses_in_at", facts.responses_in_at()));
        let held = facts.responses().held_files;
        told.push(("fichiers de réponses retenus", held.to_string(), ("held_files", json!(held))));
        let doubt = facts.lots_in_doubt();
        let said = if doubt.is_empty() { "aucun".to_owned() } else { guard::alerts::numbers(&doubt) };
        told.push(("envois en doute", said, ("lots_in_doubt", json!(doubt))));
        let reachable = if facts.far().reachable { "oui" } else { "non" };
        told.push(("téléservice joignable", reachable.to_owned(), ("reachable", json!(facts.far().reachable))));
        told
    }

    fn service(&self) -> String {
        let since = self.facts.opened_at().map(|at| spoken(at, self.zone())).unwrap_or_default();
        let service = match self.facts.how() {
            Some(How::Opening) => format!("ouvert depuis le {since}"),
            Some(How::Reopening) => format!("rouvert depuis le {since}"),
            Some(How::Refused) => format!("ouvert sans permission depuis le {since} : il va être refermé"),
            Some(How::Unjudged) => format!("ouvert par une personne depuis le {since}, sans calendrier pour en juger"),
            None => "fermé".to_owned(),
        };
        let ordered = self.facts.pending().map(|order| if order.action.opens() { "ouverture" } else { "fermeture" });
        let ordered = ordered.map(|what| format!(" ; une {what} est ordonnée et pas encore constatée"));
        service + &ordered.unwrap_or_default()
    }

    fn missing(&self) -> (&'static str, String, (&'static str, Value)) {
        let missing = &self.facts.responses().missing;
        let by_division: Vec<String> =
            missing.iter().map(|(division, count)| format!("{division} : {count}")).collect();
        let said = if by_division.is_empty() { "aucune".to_owned() } else { by_division.join(", ") };
        let by_division: serde_json::Map<String, Value> =
            missing.iter().map(|(division, count)| (division.to_string(), json!(count))).collect();
        ("réponses de conseil attendues", said, ("responses_missing", by_division.into()))
    }

    /// What the guard would answer to each demand.
    fn verdicts(&self) -> [(&'static str, Would); 4] {
        [
            ("ouvrir", self.verdict(Open)),
            ("fermer", self.verdict(Close)),
            ("rouvrir", self.verdict(Reopen)),
            ("prendre des réponses", self.verdict(Import)),
        ]
    }

    fn verdict<A: guard::Action>(&self, action: A) -> Would {
        match guard::decide(self.facts, action, self.now, None, self.policy) {
            Verdict::Refused(refusal) => Would::Refuse(refusal),
            // The permit is dropped: nothing was asked for.
            Verdict::Allowed(_) => Would::Allow,
            Verdict::Already => Would::Already,
        }
    }

    fn json(&self) -> Value {
        let CampaignKey { school, level, phase } = self.facts.key();
        let (state, zone) = (self.facts.state(self.now), self.zone());
        let facts: serde_json::Map<String, Value> =
            self.told().into_iter().map(|(_, _, (name, value))| (name.to_owned(), value)).collect();
        let names = ["open", "close", "reopen", "import"];
        let verdicts: serde_json::Map<String, Value> = names
            .iter()
            .zip(self.verdicts())
            .map(|(name, (_, would))| ((*name).to_owned(), would.json(zone)))
            .collect();
        let next: Vec<Value> = self
            .facts
            .next_instants(self.now)
            .into_iter()
            .map(|(what, at)| json!({ "what": what.as_str(), "at": at.rfc3339_utc(), "local": at.rfc3339_in(zone) }))
            .collect();
        let alerts: Vec<Value> = self.alerts.iter().map(|(code, todo)| json!({ "code": code, "todo": todo })).collect();
        json!({
            "uai": school.uai.as_str(), "year": school.year.get(), "level": level.code(), "phase": phase.code(),
            "state": state.as_str(), "label": state.label(), "rule": state.rule(),
            "at_risk": self.facts.at_risk(self.now), "facts": facts, "verdicts": verdicts, "next": next,
            "alerts": alerts,
        })
    }
}

/// An instant as staff read it, then in UTC.
fn spoken(at: Timestamp, zone: Zone) -> String {
    format!("{} ({})", french(at.civil_in(zone)), at.rfc3339_utc())
}
