//! The téléservice's feed over folders: published ranges of events, read as one page (teleservice.md, "Over folders").

use crate::codec::json::feed::{self, FeedFileName};
use crate::domain::{event::Event, school::SchoolKey};
use crate::plan::delivery::Answer;
use crate::transport::{directory::Directory, teleservice::FeedPage};

/// Where the téléservice publishes its events.
const EVENTS: &str = "evenements";

/// At most `limit` events after `after`. A hole between two ranges stays one, as over HTTP: the run names it.
///
/// # Errors
/// `NotSent` when the folder can't be read; `Unusable` when ranges overlap, or a file is not what its name and digest say.
pub async fn page(folders: &Directory, school: SchoolKey, after: u64, limit: u32) -> Result<FeedPage, Answer> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let own = format!("{}-", school.uai);
    let published = of_school(school, &folders.published(EVENTS, &own).await?);
    if let Some((one, next)) = pairs(&published).find(|(one, next)| next.first <= one.last) {
        return Err(Answer::Unusable { why: format!("{one} and {next} overlap: a range is never rewritten") });
    }
    let last = published.last().map_or(0, |range| range.last);
    if last < after {
        return Ok(FeedPage { last, events: Vec::new(), date: None, went_back: true });
    }
    let all = of_school(school, &folders.visible(EVENTS, &own).await?);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Files;
    use crate::transport::fixture::{DigestIs, Folders, school};
    use rstest::rstest;
    use std::ops::RangeInclusive;

    const LIMIT: u32 = 5_000;

    fn line(seq: u64) -> String {
        format!(r#"{{"seq":{seq},"le":"2020-05-12T10:58:42+02:00","type":"ELEVE_SORTI","eleve_id":{seq}}}"#)
    }

    fn lines(seqs: RangeInclusive<u64>) -> Vec<u8> {
        seqs.flat_map(|seq| line(seq).into_bytes().into_iter().chain([b'\n'])).collect()
    }

    fn put(folders: &Folders, range: RangeInclusive<u64>, digest: DigestIs) {
        let name = format!("{}-EVT-{:010}-{:010}.ndjson", school(), range.start(), range.end());
        folders.put(EVENTS, &name, &lines(range), digest);
    }

    async fn read_page(folders: &Folders, after: u64, limit: u32) -> Result<FeedPage, Answer> {
        page(&Directory::new(folders.options(), Files::default()), school(), after, limit).await
    }

    async fn seqs(folders: &Folders, after: u64, limit: u32) -> (u64, Vec<u64>, bool) {
        let page = read_page(folders, after, limit).await.unwrap();
        assert_eq!(
            (page.date, page.events.len()),
            (None, page.events.iter().filter(|(_, raw)| raw.contains("le")).count())
        );
        (page.last, page.events.iter().map(|(event, _)| event.seq).collect(), page.went_back)
    }

    #[rstest]
    #[case::from_the_start(0, LIMIT, &[1, 2, 3, 4, 5])]
    #[case::inside_a_range(1, LIMIT, &[2, 3, 4, 5])]
    #[case::at_its_end(3, LIMIT, &[4, 5])]
    #[case::at_the_end(5, LIMIT, &[])]
    #[case::limit_inside_a_range(0, 2, &[1, 2])]
    #[case::limit_at_its_end(0, 3, &[1, 2, 3])]
    #[case::limit_across_two(1, 3, &[2, 3, 4])]
    #[tokio::test]
    async fn a_page_is_cut_out_of_the_ranges(#[case] after: u64, #[case] limit: u32, #[case] expected: &[u64]) {
        let folders = Folders::new(&[EVENTS]);
        put(&folders, 4..=5, DigestIs::Right);
        put(&folders, 1..=3, DigestIs::Right);
        assert_eq!(seqs(&folders, after, limit).await, (5, expected.to_vec(), false));
    }

    #[tokio::test]
    async fn an_empty_folder_is_an_empty_feed_and_a_missing_one_is_none() {
        let folders = Folders::new(&[EVENTS]);
        assert_eq!(seqs(&folders, 0, LIMIT).await, (0, vec![], false));
        assert_eq!(seqs(&folders, 1, LIMIT).await, (0, vec![], true));
        folders.remove(EVENTS);
        let answer = read_page(&folders, 0, LIMIT).await.unwrap_err();
        assert!(matches!(&answer, Answer::NotSent { why } if why.contains(EVENTS)), "{answer:?}");
    }

    #[tokio::test]
    async fn a_feed_that_ends_before_the_place_asked_for_went_back() {
        let folders = Folders::new(&[EVENTS]);
        put(&folders, 1..=3, DigestIs::Right);
        assert_eq!(seqs(&folders, 4, LIMIT).await, (3, vec![], true));
    }

    #[tokio::test]
    async fn other_schools_other_years_and_other_files_are_none_of_ours() {
        let folders = Folders::new(&[EVENTS]);
        put(&folders, 1..=1, DigestIs::Right);
        for name in [
            "0750654D-2019-EVT-0000000002-0000000002.ndjson",
            "0380001V-2020-EVT-0000000002-0000000002.ndjson",
            "0380001V-2019-EVT-2-2.ndjson",
            "0380001V-2019-EVT-0000000002-0000000002.ndjson.part",
            "lisez-moi.txt",
        ] {
            folders.put(EVENTS, name, &lines(2..=2), DigestIs::Right);
        }
        assert_eq!(seqs(&folders, 0, LIMIT).await, (1, vec![1], false));
    }

    #[tokio::test]
    async fn a_hole_between_two_ranges_stays_one() {
        let folders = Folders::new(&[EVENTS]);
        put(&folders, 1..=2, DigestIs::Right);
        put(&folders, 5..=6, DigestIs::Right);
        assert_eq!(seqs(&folders, 1, LIMIT).await, (6, vec![2, 5, 6], false));
    }

    #[rstest]
    #[case::alone(&[], 0, &[])]
    #[case::last(&[1..=3], 3, &[1, 2, 3])]
    #[case::before_another(&[1..=3, 6..=6], 3, &[1, 2, 3])]
    #[tokio::test]
    async fn a_range_without_digest_does_not_exist_yet_and_hides_what_follows(
        #[case] published: &[RangeInclusive<u64>],
        #[case] last: u64,
        #[case] expected: &[u64],
    ) {
        let folders = Folders::new(&[EVENTS]);
        published.iter().for_each(|range| put(&folders, range.clone(), DigestIs::Right));
        put(&folders, 4..=5, DigestIs::Missing);
        assert_eq!(seqs(&folders, 0, LIMIT).await, (last, expected.to_vec(), false));
        if published.len() == 2 {
            assert_eq!(seqs(&folders, 5, LIMIT).await, (5, vec![], false), "it did not go back either");
        }
    }

    #[rstest]
    #[case::same_start(1..=4)]
    #[case::inside(2..=2)]
    #[case::across(3..=6)]
    #[tokio::test]
    async fn ranges_that_overlap_are_unusable(#[case] other: RangeInclusive<u64>) {
        let folders = Folders::new(&[EVENTS]);
        put(&folders, 1..=3, DigestIs::Right);
        put(&folders, other, DigestIs::Right);
        for after in [0, 3] {
            let answer = read_page(&folders, after, LIMIT).await.unwrap_err();
            assert!(matches!(&answer, Answer::Unusable { why } if why.contains("overlap")), "{answer:?}");
        }
    }

    #[rstest]
    #[case::wrong_digest(lines(1..=2), DigestIs::Wrong, "digest")]
    #[case::spoilt_digest(lines(1..=2), DigestIs::Spoilt, "sha256sum")]
    #[case::too_few(lines(1..=1), DigestIs::Right, "announces")]
    #[case::too_many(lines(1..=3), DigestIs::Right, "announces")]
    #[case::others(lines(2..=3), DigestIs::Right, "announces")]
    #[case::a_hole_inside([lines(1..=1), lines(3..=3)].concat(), DigestIs::Right, "announces")]
    #[case::no_json(b"{}\nnothing\n".to_vec(), DigestIs::Right, "JSON")]
    #[case::empty(vec![], DigestIs::Right, "no event")]
    #[tokio::test]
    async fn a_file_that_is_not_what_it_says_is_unusable(
        #[case] bytes: Vec<u8>,
        #[case] digest: DigestIs,
        #[case] says: &str,
    ) {
        let folders = Folders::new(&[EVENTS]);
        folders.put(EVENTS, "0380001V-2019-EVT-0000000001-0000000002.ndjson", &bytes, digest);
        let answer = read_page(&folders, 0, LIMIT).await.unwrap_err();
        assert!(matches!(&answer, Answer::Unusable { why } if why.contains(says)), "{answer:?}");
        // What was read before is not read again: a file that rots behind us stops nothing.
        assert_eq!(seqs(&folders, 2, LIMIT).await, (2, vec![], false));
    }
}
