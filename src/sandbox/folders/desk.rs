//! The téléservice over folders (teleservice.md): `evenements/`, `ordres/`, `refus/`.

use crate::codec::{
    Fault,
    envelope::sha256,
    json::{
        feed::{FeedFileName, encode_ndjson},
        orders::{OrderKind, OrderName, decode_responses, decode_window},
        refusals::{self, Refusal},
    },
};
use crate::crash::Crash;
use crate::domain::{school::SchoolKey, time::Timestamp};
use crate::files::{FileFault, Files};
use crate::sandbox::{
    Problem, Shared,
    desk::Desk,
    faults::Topic,
    feed::Entry,
    folders::{FILE_BYTES_MAX, gate::Gate},
    hold,
    teleservice::Teleservice,
};
use std::{collections::BTreeMap, path::Path};

/// Events in one file; one that was emitted by hand is alone in its own.
const FILE_EVENTS_MAX: usize = 5_000;

/// A turn that did something.
const CHANGED: bool = true;

/// A téléservice behind a folder.
pub struct TeleserviceFolder {
    stand_in: Shared<Teleservice>,
    files: Files,
    root: Gate,
    events: Gate,
    orders: Gate,
    refusals: Gate,
    published: BTreeMap<SchoolKey, Published>,
}

/// What of a feed lies in the folder, its files in the order of what they tell.
#[derive(Default)]
struct Published {
    restored: u64,
    files: Vec<(FeedFileName, [u8; 32])>,
}

impl TeleserviceFolder {
    /// Makes the folders under `root`, and publishes nothing yet.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub async fn open(stand_in: &Shared<Teleservice>, root: &Path) -> Result<Self, FileFault> {
        let gate = |name: &str| Gate::new(&root.join(name));
        let own = Self {
            stand_in: Shared::clone(stand_in),
            // The stand-in is another program: navette's crash points are not its own, and it keeps nothing for good.
            files: Files::for_a_play(Crash::off()),
            root: Gate::new(root),
            events: gate("evenements"),
            orders: gate("ordres"),
            refusals: gate("refus"),
            published: BTreeMap::new(),
        };
        for gate in [&own.root, &own.events, &own.orders, &own.refusals] {
            own.files.create_private_dir(gate.path()).await?;
        }
        Ok(own)
    }

    /// Acts on all that lies in the folders now: obeys orders by number, publishes what the feed has new, then refusals,
    /// and only then removes the orders. Answers whether anything changed.
    ///
    /// # Errors
    /// When a folder that should be usable is not.
    pub async fn turn(&mut self, now: Timestamp) -> Result<bool, FileFault> {
        let (up, feed, orders) = {
            let teleservice = hold(&self.stand_in);
            let faults = &teleservice.faults;
            (faults.is_up(), faults.serves(Topic::Feed), faults.serves(Topic::Orders))
        };
        self.root.set(up)?;
        if !up {
            return Ok(false);
        }
        self.events.set(feed)?;
        self.orders.set(orders)?;
        self.refusals.set(orders)?;
        let obeyed = if orders { self.obey(now).await? } else { Vec::new() };
        let told = if feed { self.publish_feeds().await? } else { false };
        if feed {
            for (name, refusal) in &obeyed {
                self.refuse(name, refusal.as_ref()).await?;
                self.files.remove_published(self.orders.path(), &name.to_string()).await?;
            }
        }
        Ok(told || !obeyed.is_empty())
    }

    async fn obey(&self, now: Timestamp) -> Result<Vec<(OrderName, Option<Refusal>)>, FileFault> {
        let dir = self.orders.path();
        let names = self.files.list(dir).await?;
        let mut orders: Vec<_> = names.iter().filter_map(|name| OrderName::parse(name)).collect();
        orders.sort_by_key(|order| (order.key.school, order.number));
        let mut obeyed = Vec::new();
        for order in orders {
            let name = order.to_string();
            let outcome = match self.files.read_verified(dir, &name, FILE_BYTES_MAX).await {
                Ok(None) => continue,
                Ok(Some(bytes)) => obey(&mut hold(&self.stand_in), order, &bytes, now),
                Err(FileFault::Digest(_) | FileFault::DigestLine(_)) => Err("EMPREINTE".to_owned()),
                Err(FileFault::TooLarge { .. }) => Err("TAILLE".to_owned()),
                Err(fault) => return Err(fault),
            };
            obeyed.push((order, outcome.unwrap_or_else(|code| Some(Refusal::Whole(code)))));
        }
        Ok(obeyed)
    }

    async fn refuse(&self, name: &OrderName, refusal: Option<&Refusal>) -> Result<(), FileFault> {
        let Some(refusal) = refusal else { return Ok(()) };
        let (dir, name, body) = (self.refusals.path(), name.to_string(), refusals::encode(refusal));
        match self.files.publish(dir, &name, body.as_bytes()).await {
            // The number was refused before, for another reason: the latest one counts.
            Err(FileFault::Conflict(_)) => {
                self.files.remove_published(dir, &name).await?;
                self.files.publish(dir, &name, body.as_bytes()).await
            }
            done => done,
        }
    }

    async fn publish_feeds(&mut self) -> Result<bool, FileFault> {
        let mut changed = false;
        let schools: Vec<_> = hold(&self.stand_in).schools().collect();
        for school in schools {
            let published = self.published.entry(school).or_default();
            let (kept, restored) = {
                let teleservice = hold(&self.stand_in);
                let Some(desk) = teleservice.school(school) else { continue };
                (published.kept(desk), desk.feed.restored())
            };
            while kept < published.files.len() {
                let Some((stale, _)) = published.files.last() else { break };
                self.files.remove_published(self.events.path(), &stale.to_string()).await?;
                published.files.pop();
                changed = CHANGED;
            }
            published.restored = restored;
            let files = match hold(&self.stand_in).school(school) {
                Some(desk) => published.new_files(school, desk),
                None => continue,
            };
            for (name, body) in files {
                self.files.publish(self.events.path(), &name.to_string(), body.as_bytes()).await?;
                published.files.push((name, sha256(body.as_bytes())));
                changed = CHANGED;
            }
            published.files.sort_by_key(|(name, _)| name.first);
        }
        Ok(changed)
    }
}

impl Published {
    /// How many of its files, the first ones, still tell the feed: one that was set back to a copy no longer is what was
    /// published.
    fn kept(&self, desk: &Desk) -> usize {
        if self.restored == desk.feed.restored() {
            return self.files.len();
        }
        let is_same = |(name, digest): &(FeedFileName, [u8; 32])| {
            let entries = desk.feed.after(name.first - 1).iter().take_while(|entry| entry.seq <= name.last);
            sha256(lines(desk, entries).as_bytes()) == *digest
        };
        self.files.iter().take_while(|file| is_same(file)).count()
    }

    /// The files of what is not published yet: what follows the last one, and what fills a hole between two.
    fn new_files(&self, school: SchoolKey, desk: &Desk) -> Vec<(FeedFileName, String)> {
        let lasts = [0].into_iter().chain(self.files.iter().map(|(name, _)| name.last));
        let firsts = self.files.iter().map(|(name, _)| name.first).chain([u64::MAX]);
        let untold = lasts.zip(firsts).map(|(last, first)| {
            let after = desk.feed.after(last);
            after.get(..after.partition_point(|entry| entry.seq < first)).unwrap_or_default()
        });
        let together =
            |one: &Entry, other: &Entry| other.seq == one.seq + 1 && !one.line.is_raw() && !other.line.is_raw();
        let runs = untold.flat_map(|part| part.chunk_by(together)).flat_map(|run| run.chunks(FILE_EVENTS_MAX));
        let file = |run: &[Entry]| {
            let (first, last) = (run.first()?.seq, run.last()?.seq);
            Some((FeedFileName { school, first, last }, lines(desk, run)))
        };
        runs.filter_map(file).collect()
    }
}

fn lines<'a>(desk: &Desk, entries: impl IntoIterator<Item = &'a Entry>) -> String {
    encode_ndjson(&entries.into_iter().map(|entry| entry.line.json(desk.zone)).collect::<Vec<_>>())
}

/// Obeys one order; answers what it refused pupil by pupil, or the code of a refusal as a whole.
fn obey(
    teleservice: &mut Teleservice,
    name: OrderName,
    bytes: &[u8],
    now: Timestamp,
) -> Result<Option<Refusal>, String> {
    let unreadable = |fault: Fault| fault.code.to_owned();
    let refused = |problem: Problem| problem.code;
    match name.kind {
        OrderKind::Window => {
            let order = decode_window(name.key, bytes).map_err(unreadable)?;
            same_number(name, order.number)?;
            teleservice.order_window(&order, now).map_err(refused)?;
            Ok(None)
        }
        OrderKind::Responses => {
            let order = decode_responses(name.key, bytes).map_err(unreadable)?;
            same_number(name, order.number)?;
            let answer = teleservice.order_responses(&order, sha256(bytes), now).map_err(refused)?;
            let pupils: Vec<_> = answer.refused.into_iter().map(|(pupil, code)| (pupil, code.to_owned())).collect();
            Ok((!pupils.is_empty()).then_some(Refusal::Pupils(pupils)))
        }
    }
}

fn same_number(name: OrderName, number: u32) -> Result<(), String> {
    if name.number == number { Ok(()) } else { Err("NUM".to_owned()) }
}
