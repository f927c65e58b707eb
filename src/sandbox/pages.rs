//! The screens of the two stand-ins: the téléservice for families, Siècle for the school and its councils. They call what
//! scenarios call, so that all that is entered goes to the feed, and what the stand-ins refuse is said as the guide does.
//!
//! Rendered here, without a script; nothing is asked of another host. Navette's own page is not here.

mod council;
mod decision;
mod entry;
mod families;
mod form;
mod gate;
pub mod letters;
mod receipts;
mod session;
mod verdicts;
mod view;
mod words;

use crate::clock::Clock;
use crate::domain::{
    school::SchoolKey,
    time::{Zone, french},
};
use crate::files::Files;
use crate::sandbox::{
    Shared,
    pages::{
        letters::{Letterhead, Letters},
        session::Sessions,
        view::Welcome,
    },
    siecle::Siecle,
    teleservice::Teleservice,
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    middleware::{from_fn, map_response},
    routing::get,
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, sync::Mutex};

pub use gate::{html, plain_page};
pub use view::{Frame, Site};

/// Largest form: three choices, or the reasons of one council, with room.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// What the pages work with.
pub struct Pages {
    teleservice: Shared<Teleservice>,
    siecle: Shared<Siecle>,
    clock: Clock,
    schools: BTreeMap<SchoolKey, Letterhead>,
    letters: Letters,
    sessions: Mutex<Sessions>,
}

impl Pages {
    /// Pages of both stand-ins by one clock, for schools with their letterheads; recaps are put into `folder`.
    pub fn new(
        teleservice: &Shared<Teleservice>,
        siecle: &Shared<Siecle>,
        clock: &Clock,
        schools: BTreeMap<SchoolKey, Letterhead>,
        files: Files,
        folder: PathBuf,
    ) -> Self {
        Self {
            teleservice: Shared::clone(teleservice),
            siecle: Shared::clone(siecle),
            clock: clock.clone(),
            schools,
            letters: Letters::new(files, folder),
            sessions: Mutex::default(),
        }
    }

    /// The name of a school.
    fn name(&self, school: SchoolKey) -> String {
        self.schools.get(&school).map_or_else(|| school.uai.to_string(), |letterhead| letterhead.name.clone())
    }

    /// What every page shows, with the instant as people at the school read it.
    fn frame(&self, site: Site, title: &str, zone: Zone) -> Frame {
        Frame::new(site, title, &french(self.clock.now().civil_in(zone)))
    }

    fn anywhere(&self, site: Site, title: &str) -> Frame {
        let zone = self.schools.keys().next().map_or(Zone::Europe__Paris, |school| school.uai.zone());
        self.frame(site, title, zone)
    }
}

/// Everything but the first page, which is the guided tour's, or [`welcome`]'s.
pub fn router(pages: Pages) -> Router {
    let pages = Arc::new(pages);
    guarded(families::routes().merge(council::routes()).merge(gate::assets()).with_state(pages))
}

/// The first page of a sandbox without tour.
pub fn welcome() -> Router {
    guarded(Router::new().route("/", get(|| async { html(&Welcome { frame: Frame::timeless("Bac à sable") }) })))
}

/// Every page is answered with the same strict headers, and takes forms of its own pages only.
pub fn guarded(router: Router) -> Router {
    router
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn(gate::own_forms_only))
        .layer(map_response(gate::strict))
}

/// What handlers are handed.
type Wired = State<Arc<Pages>>;
