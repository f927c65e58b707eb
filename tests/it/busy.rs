//! Another host has the school, and is frozen or busy for long: whoever ticks reads the feed and closes all the same.

use crate::night::{Night, Way, definitive, school};
use navette::{
    clock::Clock,
    crash::Point,
    domain::time::{HOUR_S, MINUTE_S},
    sandbox::hold,
    store::lease::{self, Holder},
};
use rstest::rstest;

/// A lease without a sign of life for so long is stale.
const STALE_S: i64 = 10 * MINUTE_S;

#[rstest]
#[case::it_has_just_begun(0)]
#[case::it_lasts(HOUR_S)]
fn who_has_the_school_delays_no_closing(#[case] for_s: i64) {
    let night = Night::due(Way::Http);
    let store = night.context(Clock::Machine).store;
    let now = Clock::Machine.now();
    let other = Holder { host: "other".to_owned(), process: 1 };
    let lease = night.wait(async {
        let lease = lease::take(&store, school(), &other, now.plus_s(-for_s), STALE_S).await.unwrap().unwrap();
        // Alive for longer than any of this takes.
        let mut tx = store.write_for(school()).await.unwrap();
        lease::renew(&mut tx, &lease, now.plus_s(HOUR_S)).await.unwrap();
        tx.commit(Point::LeaseTaken).await.unwrap();
        lease
    });
    let key = definitive();
    let is_open = || hold(&night.teleservice).is_open(key.school, key.level, key.phase);
    assert!(is_open(), "it is past its closing, and open");
    let (ended, said) = night.run(&["run"], None);
    assert_eq!(ended.code(), Some(6), "{said}");
    assert!(said.contains("other"), "it says who has it: {said}");
    assert!(!is_open(), "{said}");
    let lives = night.wait(async { lease::renew(&mut store.write_for(school()).await.unwrap(), &lease, now).await });
    assert!(lives.is_ok(), "nothing was taken from it");
}
