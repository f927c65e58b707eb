//! The téléservice's feed over folders: published ranges of events, read as one page (teleservice.md, "Over folders").

use crate::{
    codec::json::feed::{self, FeedFileName},
    domain::{event::Event, school::SchoolKey},
    plan::delivery::Answer,
    transport::{directory::Directory, teleservice::FeedPage},
};

/// Where the téléservice publishes its events.
const EVENTS: &str = "evenements";

/// At most `limit` events after `after`. A hole between two ranges stays one, as over HTTP: the run names it.
///
/// # Errors
/// `NotSent` when the folder can't be read; `Unusable` when ranges overlap, or a file is not what its name and digest say.
pub async fn page(folders: &Directory, school: SchoolKey, after: u64, limit: u32) -> Result<FeedPage, Answer> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let published = of_school(school, &folders.published(EVENTS).await?);
    if let Some((one, next)) = pairs(&published).find(|(one, next)| next.first <= one.last) {
        return Err(Answer::Unusable { why: format!("{one} and {next} overlap: a range is never rewritten") });
    }
    let last = published.last().map_or(0, |range| range.last);
    if last < after {
        return Ok(FeedPage { last, events: Vec::new(), date: None, went_back: true });
    }
    let all = of_school(school, &folders.visible(EVENTS).await?);
    let readable = before_unfinished(&published, &all);
    let mut events = Vec::new();
    for range in readable.iter().filter(|range| after < range.last) {
        let fresh = read(folders, range).await?.into_iter().filter(|(event, _)| after < event.seq);
        events.extend(fresh.take(limit - events.len()));
        if events.len() == limit {
            break;
        }
    }
    let last = readable.last().map_or(0, |range| range.last).max(after);
    Ok(FeedPage { last, events, date: None, went_back: false })
}

/// The ranges of one school, ascending; any other file is none of ours.
fn of_school(school: SchoolKey, names: &[String]) -> Vec<FeedFileName> {
    let named = names.iter().filter_map(|name| FeedFileName::parse(name));
    let mut ranges: Vec<FeedFileName> = named.filter(|range| range.school == school).collect();
    ranges.sort_by_key(|range| (range.first, range.last));
    ranges
}

fn pairs(ranges: &[FeedFileName]) -> impl Iterator<Item = (FeedFileName, FeedFileName)> {
    ranges.iter().copied().zip(ranges.iter().copied().skip(1))
}

/// The published ranges up to the first one that a file without digest comes before: that one does not exist yet, and
/// what it will fill is no hole.
fn before_unfinished<'a>(published: &'a [FeedFileName], all: &[FeedFileName]) -> &'a [FeedFileName] {
    let unfinished = all.iter().filter(|range| !published.contains(range)).map(|range| range.first).min();
    let end = published.partition_point(|range| unfinished.is_none_or(|first| range.first < first));
    published.get(..end).unwrap_or_default()
}

async fn read(folders: &Directory, range: &FeedFileName) -> Result<Vec<(Event, String)>, Answer> {
    let name = range.to_string();
    let unusable = |why: &str| Answer::Unusable { why: format!("{name}: {why}") };
    let bytes = folders.read(EVENTS, &name).await?.ok_or_else(|| unusable("no longer published"))?;
    let events = feed::decode_ndjson(&bytes, range.first).map_err(|fault| unusable(&fault.to_string()))?;
    let numbered = events.iter().map(|(event, _)| event.seq).eq(range.first..=range.last);
    if numbered { Ok(events) } else { Err(unusable("its events are not those that its name announces")) }
}
