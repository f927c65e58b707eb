//! Who is signed in at the téléservice: an account on one pupil, known by a cookie, and what that account may see.

use crate::domain::{
    campaign::Phase,
    pupil::{PupilId, Representative, RepresentativeId},
    school::SchoolKey,
    time::{Timestamp, Zone},
};
use crate::sandbox::{
    desk::Record,
    hold,
    pages::{Pages, words},
    rules::{self, EntryCode},
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
    response::Redirect,
};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, MutexGuard, PoisonError},
};

/// The cookie's name.
const COOKIE: &str = "navette-session";
/// Sessions at once; the oldest gives way, as one that was left without signing out.
const SESSIONS_MAX: usize = 1_000;

/// Whose screens are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// A representative.
    Representative(RepresentativeId),
    /// The pupil, who reads.
    Pupil,
    /// The head of school, who sees what a representative sees (R14).
    Head(RepresentativeId),
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// School and year.
    pub school: SchoolKey,
    /// The pupil.
    pub pupil: PupilId,
    /// Whose account.
    pub account: Account,
    /// Phases validated in it (R13).
    pub validated: BTreeSet<Phase>,
}

/// All sessions, the oldest first.
#[derive(Debug, Default)]
pub struct Sessions(VecDeque<(String, Session)>);

impl Sessions {
    fn find(&mut self, token: &str) -> Option<&mut Session> {
        self.0.iter_mut().find(|(known, _)| known == token).map(|(_, session)| session)
    }
}

impl Pages {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session; the cookie to set.
    pub(super) fn begin(&self, session: Session) -> String {
        let token = format!("{:032x}", rand::random::<u128>());
        let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict");
        let mut sessions = self.sessions();
        if sessions.0.len() == SESSIONS_MAX {
            sessions.0.pop_front();
        }
        sessions.0.push_back((token, session));
        cookie
    }

    /// Ends a session, which is answered once.
    pub(super) fn end(&self, headers: &HeaderMap) -> Option<Session> {
        let token = token(headers)?;
        let mut sessions = self.sessions();
        let at = sessions.0.iter().position(|(known, _)| known == token)?;
        sessions.0.remove(at).map(|(_, session)| session)
    }

    /// Remembers that a phase was validated in a session.
    pub(super) fn validated(&self, seat: &Seat, phase: Phase) {
        if let Some(session) = self.sessions().find(&seat.token) {
            session.validated.insert(phase);
        }
    }

    fn seat(&self, headers: &HeaderMap) -> Option<Seat> {
        let token = token(headers)?.to_owned();
        let session = self.sessions().find(&token)?.clone();
        let teleservice = hold(&self.teleservice);
        let desk = teleservice.school(session.school)?;
        let record = desk.pupils.get(&session.pupil)?.clone();
        let level = record.pupil.level;
        let open = Phase::ALL.into_iter().filter(|phase| desk.is_open(level, *phase)).collect();
        Some(Seat { token, session, record, zone: desk.zone, open, now: self.clock.now() })
    }
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut named = cookies.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    named.find(|(name, _)| *name == COOKIE).map(|(_, token)| token)
}

/// Somebody who is signed in, with all that is kept of the pupil, at the instant of the request.
pub struct Seat {
    token: String,
    /// The session.
    pub session: Session,
    /// The pupil's record.
    pub record: Record,
    /// Zone of the school.
    pub zone: Zone,
    /// Phases whose window is open.
    pub open: BTreeSet<Phase>,
    /// Now.
    pub now: Timestamp,
}

impl Seat {
    /// The representative whose screens these are; none for the pupil.
    pub const fn eyes(&self) -> Option<RepresentativeId> {
        match self.session.account {
            Account::Representative(id) | Account::Head(id) => Some(id),
            Account::Pupil => None,
        }
    }

    /// The representative who may act; none for those who only read.
    pub const fn hand(&self) -> Option<RepresentativeId> {
        match self.session.account {
            Account::Representative(id) => Some(id),
            Account::Head(_) | Account::Pupil => None,
        }
    }

    /// Whether the service is there at all: while no window is open it is grey.
    pub fn is_active(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether the screens of a phase are shown: intentions stay readable in the definitive phase, and what the
    /// definitive council said is not seen before the reopening (R10).
    pub fn shows(&self, phase: Phase) -> bool {
        match phase {
            Phase::Provisional => self.is_active(),
            Phase::Definitive => self.open.contains(&phase),
        }
    }

    /// Whether choices may be typed by those eyes.
    ///
    /// # Errors
    /// The first rule of entry that forbids it; the pupil owns nothing.
    pub fn may_enter(&self, phase: Phase) -> Result<(), EntryCode> {
        let eyes = self.eyes().ok_or(EntryCode::NotOwner)?;
        rules::may_enter(Some(&self.record), phase, eyes, self.open.contains(&phase))
    }

    /// The name of a representative; nobody's for one who is no longer there.
    pub fn name_of(&self, id: RepresentativeId) -> String {
        self.representative(id).map_or_else(|| "un représentant".to_owned(), words::person)
    }

    /// The account, in words.
    pub fn account(&self) -> String {
        match self.session.account {
            Account::Representative(id) => format!("{}, responsable légal", self.name_of(id)),
            Account::Pupil => format!("{}, élève", words::pupil(&self.record.pupil)),
            Account::Head(id) => format!("Chef d'établissement, compte de {}", self.name_of(id)),
        }
    }

    fn representative(&self, id: RepresentativeId) -> Option<&Representative> {
        self.record.pupil.representatives.iter().find(|one| one.id == id)
    }
}

impl FromRequestParts<Arc<Pages>> for Seat {
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, pages: &Arc<Pages>) -> Result<Self, Redirect> {
        pages.seat(&parts.headers).ok_or_else(|| Redirect::to("/teleservice"))
    }
}
