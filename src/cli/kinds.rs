//! The kinds of log lines, each with its MESSAGE_ID for ever: who filters or documents by it (`journalctl MESSAGE_ID=…`)
//! must find the same kind in every version. A kind is the `name:` of a line; a new one gets a new random id
//! (`systemd-id128 new`), and one that is gone leaves its id to nobody.

/// Names and ids.
pub const KINDS: [(&str, &str); 42] = [
    // The order of the schools is not known.
    ("round.unordered", "8c9827e005e756647d38a2e60a65b47a"),
    // The database is lost: what did not begin waits.
    ("round.stopped", "f968a87e9fd241a0b1d10fa280dbd4a1"),
    // The daemon began.
    ("daemon.began", "6c1d5bfde4d04339b269e50238630f89"),
    // It was told to stop.
    ("daemon.stopping", "51f943c6a21d4ab6ad2017378d59fb02"),
    // It ended.
    ("daemon.ended", "83a575f355994d61882c824855f9721d"),
    // Its pages are served.
    ("pages.served", "cdde6e09fbc143c78eb3fa34b221a607"),
    // They are served no more.
    ("pages.failed", "44778943f1e54035b2aa4e9fe4b80bdf"),
    // A new configuration was taken.
    ("config.reloaded", "32659b76a5984b52ac1ad39918bdca22"),
    // A new configuration was refused.
    ("config.refused", "5562c4a4aa3b49f2be2d644ae75c8274"),
    // One of its faults.
    ("config.fault", "a61662e63f3b46e78a18f5a7ed872592"),
    // The service manager could not be told.
    ("notify.failed", "027f2669dc6044dea47707c50aa18195"),
    // A fault of the program.
    ("job.panicked", "23c310c57b564255a0c0f73c7429806c"),
    // A run of one school ended.
    ("run.ended", "7355abd483ca4c3789fbae938f8f0db8"),
    // A run of one school could not go on.
    ("run.stopped", "9b2d9cdd5ce54ee299d6d70f114cb4f7"),
    // Schools were left at a stop.
    ("run.abandoned", "96d163aebeea410bb817ba55526d83ee"),
    // A sign of life could not be given.
    ("lease.not_renewed", "9212d66544d7443db1f7f5afce181a65"),
    // Another run holds a school.
    ("lease.busy", "9b4fa0004a7f402fb3ed807a0f5a077e"),
    // A window opened or closed by our order.
    ("window.turned", "0bb34de050104e4baf4844a16c5033e6"),
    // A lot left.
    ("lot.left", "19745383a7a844d4b204cd7fdd121ee9"),
    // A lot was refused for good.
    ("lot.refused", "16680a8df47748cdb0051ee596447045"),
    // A lot that nobody knows of.
    ("lot.in_doubt", "71cd4c6fe4ff4da88ebf6c83cdf41a35"),
    // A threshold holds something.
    ("plan.held", "f05b1e6e41d243e4bfa72414cdc0e73a"),
    // The guard deferred something.
    ("guard.deferred", "d7df79d2e638433eb64a3e87e196885a"),
    // A response file was refused.
    ("responses.gap", "8b2029041a82426e85911b7997bed2ae"),
    ("responses.refused", "822ac1679d7a4482a5ab331a0d347369"),
    // Old exchanged files were removed.
    ("files.expired", "bed244de87a0ef942a5a921048881bdf"),
    // They could not be.
    ("files.not_expired", "e803312ca1889d07b2ecbfc6aaeb6e9d"),
    // New anomalies.
    ("anomaly.raised", "4bd4d144a79c4e969c33ee9e0821613c"),
    // A feed is stopped.
    ("feed.stopped", "3e1755ad73ae4bce9bccf91478ef2477"),
    // A step could not do its work.
    ("step.failed", "58382caa12224572abd5f7b9f6760bac"),
    // A far side is asked again.
    ("far.asked_again", "0486a1be8ebf4c9c9460f0a7e82b589c"),
    // The dead man's switch was not told.
    ("ping.failed", "99d1d7a89e274442b0368b4138f995b5"),
    // The textfile was not written.
    ("metrics.not_written", "74fc172b42804033b82bdc83b0307907"),
    // A page could not be made.
    ("status.unreadable", "1f41328f3f014909bde721fc775bd30a"),
    // The list of schools could not be read anew.
    ("status.country", "44233ef46d9f47db827a535effdc5b8b"),
    // A page could not be rendered.
    ("status.page", "04fbe4b1c33d434da26ecf9f6e0416ba"),
    // A stand-in failed.
    ("stand_in.failed", "1e84eacf39f4446fb8b30e5066f10094"),
    // The log was started before.
    ("log.kept", "66d0b76b0fa74bc788a606d661d7bcfe"),
    // There is no journal, and the log goes to standard error.
    ("log.elsewhere", "6f76330ca0c7421a946b065dfd60fed9"),
    // A nightly report left.
    ("letter.left", "38c0f736201d4615b2eb836d1a3fb29a"),
    // One could not leave, and waits.
    ("letter.waits", "b5377464fed44fcfbe50c562603b7f1a"),
    // The outbox cannot be used.
    ("outbox.failed", "7546e15c179141e58b7798ed18c8bf2f"),
];

/// The id of a kind; none for lines of what we build on.
pub fn message_id(name: &str) -> Option<&'static str> {
    KINDS.iter().find(|(kind, _)| *kind == name).map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    #[test]
    fn ids_are_ids_and_no_two_are_alike() {
        assert!(
            KINDS.iter().all(|(_, id)| id.len() == 32 && id.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f')))
        );
        let (names, ids): (BTreeSet<_>, BTreeSet<_>) = KINDS.iter().copied().unzip();
        assert_eq!((names.len(), ids.len()), (KINDS.len(), KINDS.len()));
    }

    #[test]
    fn every_line_has_a_kind_and_every_kind_a_line() {
        let mut used = BTreeSet::new();
        walk(Path::new("src"), &mut used);
        let known: BTreeSet<String> = KINDS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(used, known);
    }

    /// The kinds of all lines beneath; one without is a fault.
    fn walk(path: &Path, used: &mut BTreeSet<String>) {
        if path.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| walk(&entry.unwrap().path(), used));
            return;
        }
        let text = fs::read_to_string(path).unwrap_or_default();
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        for call in ["error!(", "warn!(", "info!(", "debug!(", "trace!("] {
            for after in code.split(call).skip(1) {
                let name = after.trim_start().strip_prefix("name: \"").and_then(|rest| rest.split('"').next());
                used.insert(name.unwrap_or_else(|| panic!("{}: {call} {:.60}", path.display(), after)).to_owned());
            }
        }
    }
}
