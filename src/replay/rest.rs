//! Which schools have come to rest: a tick of theirs that would find nothing is not played (scenarios.md, time).

use crate::domain::{school::SchoolKey, time::Timestamp};
use std::collections::BTreeMap;

/// Schools whose last tick changed nothing, and to which nothing happened since, each with the whole minute that guard,
/// nights, retries and calendars name next.
#[derive(Clone, Debug, Default)]
pub struct Rest(BTreeMap<SchoolKey, Option<Timestamp>>);

impl Rest {
    /// The school rests until `next`.
    pub fn lay(&mut self, school: SchoolKey, next: Option<Timestamp>) {
        self.0.insert(school, next);
    }

    /// Something happened at the school.
    pub fn wake(&mut self, school: SchoolKey) {
        self.0.remove(&school);
    }

    /// Something happened everywhere.
    pub fn wake_all(&mut self) {
        self.0.clear();
    }

    /// Whether a tick at `at` may find something to do at the school.
    pub fn is_due(&self, school: SchoolKey, at: Timestamp) -> bool {
        self.0.get(&school).is_none_or(|next| next.is_some_and(|next| next <= at))
    }

    /// The first tick, `soon` at the earliest, that may find something to do at one of the schools.
    pub fn next(&self, schools: impl IntoIterator<Item = SchoolKey>, soon: Timestamp) -> Option<Timestamp> {
        let first = |school| match self.0.get(&school) {
            None => Some(soon),
            Some(next) => next.map(|at| at.max(soon)),
        };
        schools.into_iter().filter_map(first).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::school::{SchoolYear, Uai};

    #[test]
    fn who_is_awake_ticks_at_once_and_who_rests_at_the_instant_that_is_named() {
        let school = |uai| SchoolKey { uai: Uai::parse(uai).unwrap(), year: SchoolYear::new(2019).unwrap() };
        let both = [school("0380001V"), school("0750654D")];
        let at = |minute: i64| Timestamp::from_epoch_ms(minute * 60_000);
        let mut rest = Rest::default();
        assert_eq!(rest.next(both, at(3)), Some(at(3)));
        rest.lay(both[0], Some(at(9)));
        assert_eq!((rest.next(both, at(3)), rest.is_due(both[0], at(3))), (Some(at(3)), false));
        rest.lay(both[1], None);
        assert_eq!((rest.next(both, at(3)), rest.is_due(both[1], at(99))), (Some(at(9)), false));
        assert_eq!((rest.next(both, at(12)), rest.is_due(both[0], at(9))), (Some(at(12)), true));
        rest.wake(both[1]);
        assert!(rest.is_due(both[1], at(3)));
        rest.wake_all();
        assert!(rest.is_due(both[0], at(3)));
    }
}
