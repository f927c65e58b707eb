//! Many schools: the list, who needs a hand first, and the counts of all. Reading every school takes longer than a page
//! may, so that the pages show a snapshot, which says when it was taken and is renewed behind them.

use crate::domain::time::{MINUTE_S, Timestamp, Zone, french};
use crate::guard::State;
use crate::mail::report::title;
use crate::nights::NightOutcome;
use crate::run::{
    live::Live,
    status::{CampaignStatus, SchoolStatus, instant_label, of_all},
    step::StepError,
};
use crate::status::page::school::Frame;
use askama::Template;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

/// A snapshot that is older is renewed once somebody looks.
const FRESH_S: i64 = MINUTE_S;

/// Where the schools stand, kept between pages.
#[derive(Clone)]
pub struct Country(Arc<Kept>);

struct Kept {
    live: Live,
    latest: RwLock<Option<Arc<Snapshot>>>,
    /// Held by the one who reads: the others need not.
    reading: Mutex<()>,
}

/// All schools at one instant, the most urgent first.
pub struct Snapshot {
    at: Timestamp,
    rows: Vec<Row>,
}

/// How much a school needs a hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A council is near and something is missing.
    Risk,
    /// There is something to do.
    Hand,
    /// There is something to read.
    Reading,
    /// All is well.
    Nothing,
}

impl Need {
    /// Every need, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Risk, Self::Hand, Self::Reading, Self::Nothing];

    /// What staff read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Risk => "à risque",
            Self::Hand => "à traiter",
            Self::Reading => "à lire",
            Self::Nothing => "rien à faire",
        }
    }

    /// Its name in addresses and in the style sheet.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Risk => "risk",
            Self::Hand => "hand",
            Self::Reading => "reading",
            Self::Nothing => "nothing",
        }
    }

    /// How much this school needs one.
    pub fn of(status: &SchoolStatus) -> Self {
        let failed = status.last_night.as_ref().is_some_and(|it| it.fact.outcome == Some(NightOutcome::Failed));
        let stuck = status.feed.stopped.is_some() || status.undelivered().is_some() || failed;
        if status.campaigns.iter().any(|it| it.at_risk) {
            Self::Risk
        } else if stuck || 0 < status.in_doubt + status.held || status.campaigns.iter().any(|it| !it.alerts.is_empty())
        {
            Self::Hand
        } else if 0 < status.anomalies {
            Self::Reading
        } else {
            Self::Nothing
        }
    }
}

/// One school of the list.
struct Row {
    need: Need,
    states: Vec<State>,
    next_at: Option<Timestamp>,
    address: String,
    name: String,
    uai: String,
    campaigns: Vec<String>,
    next: String,
    without_entry: u32,
    anomalies: u32,
    held: u32,
    in_doubt: u32,
    night: String,
}

/// What the form asks for.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Wanted {
    /// A state's name; empty for all.
    #[serde(default)]
    pub etat: String,
    /// A need's name; empty for all.
    #[serde(default)]
    pub besoin: String,
    /// Part of a name or UAI.
    #[serde(default)]
    pub nom: String,
    /// The page stands still.
    #[serde(default)]
    pub fige: Option<String>,
}

/// An option of the form: value, words, whether it is chosen.
type Choice = (&'static str, &'static str, bool);

/// The page of the list.
#[derive(Template)]
#[template(path = "country.html", config = "src/askama.toml")]
pub struct CountryPage<'a> {
    frame: Frame,
    rows: Vec<&'a Row>,
    total: usize,
    needs: Vec<(&'static str, &'static str, usize)>,
    states: Vec<(&'static str, usize)>,
    without_entry: u64,
    anomalies: u64,
    state_choices: Vec<Choice>,
    need_choices: Vec<Choice>,
    name: &'a str,
}

impl Country {
    /// Reads nothing yet.
    pub fn new(live: Live) -> Self {
        Self(Arc::new(Kept { live, latest: RwLock::new(None), reading: Mutex::new(()) }))
    }

    /// Where all schools stood a short while ago: the first reader waits, the others never do.
    ///
    /// # Errors
    /// The store's.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, StepError> {
        let Some(latest) = self.latest() else {
            let _reading = self.0.reading.lock().await;
            return match self.latest() {
                Some(latest) => Ok(latest),
                None => self.renew().await,
            };
        };
        if latest.at.plus_s(FRESH_S) <= self.0.live.ctx().clock.now() {
            let own = self.clone();
            tokio::spawn(async move {
                if let Ok(_reading) = own.0.reading.try_lock()
                    && let Err(fault) = own.renew().await
                {
                    tracing::error!(name: "status.country", "The schools could not be read: {fault}");
                }
            });
        }
        Ok(latest)
    }

    fn latest(&self) -> Option<Arc<Snapshot>> {
        self.0.latest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn renew(&self) -> Result<Arc<Snapshot>, StepError> {
        let ctx = self.0.live.ctx();
        let now = ctx.clock.now();
        let snapshot = Arc::new(Snapshot::of(&of_all(&ctx, now).await?, now));
        *self.0.latest.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }
}

impl Snapshot {
    /// Sorts the schools by need, then by what comes next.
    pub fn of(schools: &[SchoolStatus], now: Timestamp) -> Self {
        let mut rows: Vec<Row> = schools.iter().map(row).collect();
        rows.sort_by(|a, b| {
            let order = |row: &Row| (row.need, row.next_at.is_none(), row.next_at);
            order(a).cmp(&order(b)).then_with(|| a.address.cmp(&b.address))
        });
        Self { at: now, rows }
    }

    /// The page of those who are wanted.
    pub fn page<'a>(&'a self, wanted: &'a Wanted) -> CountryPage<'a> {
        let name = wanted.nom.trim();
        let sought = name.to_lowercase();
        let rows = self.rows.iter().filter(|row| {
            let named = sought.is_empty()
                || row.name.to_lowercase().contains(&sought)
                || row.uai.to_lowercase().contains(&sought);
            let state = wanted.etat.is_empty() || row.states.iter().any(|state| state.as_str() == wanted.etat);
            named && state && (wanted.besoin.is_empty() || row.need.name() == wanted.besoin)
        });
        let has = |state: State| self.rows.iter().filter(|row| row.states.contains(&state)).count();
        let needs =
            Need::ALL.map(|need| (need.name(), need.label(), self.rows.iter().filter(|row| row.need == need).count()));
        CountryPage {
            frame: self.frame(wanted),
            rows: rows.collect(),
            total: self.rows.len(),
            needs: needs.into(),
            states: State::ALL.map(|state| (state.label(), has(state))).into(),
            without_entry: self.rows.iter().map(|row| u64::from(row.without_entry)).sum(),
            anomalies: self.rows.iter().map(|row| u64::from(row.anomalies)).sum(),
            state_choices: State::ALL.map(|it| (it.as_str(), it.label(), it.as_str() == wanted.etat)).into(),
            need_choices: Need::ALL.map(|it| (it.name(), it.label(), it.name() == wanted.besoin)).into(),
            name,
        }
    }

    fn frame(&self, wanted: &Wanted) -> Frame {
        let is_still = wanted.fige.is_some();
        // Whoever stops the page keeps what was asked for.
        let asked = [("etat", wanted.etat.as_str()), ("besoin", wanted.besoin.as_str()), ("nom", wanted.nom.trim())];
        let asked = asked.into_iter().filter(|(_, value)| !value.is_empty());
        let asked = asked.chain((!is_still).then_some(("fige", "1")));
        let query = reqwest::Url::parse_with_params("http://localhost/", asked);
        let query = query
            .ok()
            .and_then(|url| url.query().filter(|query| !query.is_empty()).map(|query| format!("?{query}")))
            .unwrap_or_default();
        let at = format!("{}, heure de Paris", french(self.at.floor_minute().civil_in(Zone::Europe__Paris)));
        Frame { is_still, other: format!("/ecoles{query}"), at }
    }
}

fn row(status: &SchoolStatus) -> Row {
    let school = &status.school;
    let next = status.campaigns.iter().filter_map(CampaignStatus::coming).min_by_key(|(_, at)| *at);
    // A country has many zones: each school tells its own time.
    let told = |(name, at): (&'static str, Timestamp)| {
        format!("{}, {}", instant_label(name), at.civil_in(school.zone).format("%d/%m/%Y %H:%M"))
    };
    let night = status.last_night.as_ref().map_or_else(
        || "aucune".to_owned(),
        |night| {
            let outcome = crate::status::page::words::night(night.fact.outcome);
            format!("{}, {outcome}", night.date.format("%d/%m/%Y"))
        },
    );
    Row {
        need: Need::of(status),
        states: status.campaigns.iter().map(|it| it.state).collect(),
        next_at: next.map(|(_, at)| at),
        address: crate::status::page::address(school.key),
        name: school.name.clone(),
        uai: format!("{} {}", school.key.uai, school.key.year),
        campaigns: status.campaigns.iter().map(|it| format!("{} : {}", title(it.key), it.state.label())).collect(),
        next: next.map_or_else(String::new, told),
        without_entry: status
            .campaigns
            .iter()
            .filter(|it| it.state != State::Ended)
            .map(|it| it.without_entry_total())
            .sum(),
        anomalies: status.anomalies,
        held: status.held,
        in_doubt: status.in_doubt,
        night,
    }
}
