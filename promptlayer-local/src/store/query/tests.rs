//! Compares what is found with a simple search through all requests.

use std::cmp::Ordering;

use fastrand::Rng;
use serde_json::json;

use super::{
    Comparison, Filter, Member, Number, NumberField, PageKey, Part, Side, Sort, SortBy, TextField, TextTest,
    Words,
};
use crate::Database;
use crate::store::{Reader, Store, StoreError};
use crate::timestamp::Timestamp;

/// More than the limits of a page in tests, so that both ways to find requests are used.
const REQUESTS: i64 = 900;
const PER_PAGE: usize = 90;

/// What the simple search knows of a request.
#[derive(Debug, Clone)]
struct Known {
    id: i64,
    start: i64,
    duration: i64,
    tokens: i64,
    price: f64,
    model: &'static str,
    status: &'static str,
    tags: Vec<&'static str>,
    user: Option<i64>,
    score: Option<i64>,
    input: String,
    output: String,
}

const MODELS: [&str; 4] = ["gpt-4o", "gpt-4o", "claude", "rare_100%"];
const STATUSES: [&str; 4] = ["SUCCESS", "SUCCESS", "ERROR", "WARNING"];
const TAGS: [&str; 3] = ["chat", "eu", "Chat"];
const WORDS: [&str; 5] = ["Oslo", "rain", "weather", "Zürich", "東京"];

fn known(id: i64, rng: &mut Rng) -> Known {
    let pick = |rng: &mut Rng, words: &[&'static str]| words[rng.usize(..words.len())];
    let is_rare = rng.u32(..100) == 0;
    Known {
        id,
        // Many requests start at the same time, and they are not stored in the order of time.
        start: rng.i64(0..400) * 1_000_000_000,
        duration: rng.i64(-1..50) * 1_000_000,
        tokens: rng.i64(0..30),
        // A price of 0 would be estimated.
        price: f64::from(rng.u32(1..5)) / 8.0,
        model: if is_rare { MODELS[3] } else { pick(rng, &MODELS[..3]) },
        status: pick(rng, &STATUSES),
        tags: TAGS.into_iter().filter(|_| rng.u32(..3) == 0).collect(),
        user: rng.bool().then(|| rng.i64(0..40)),
        score: rng.bool().then(|| rng.i64(0..=100)),
        input: (0..rng.usize(..3)).map(|_| pick(rng, &WORDS)).collect::<Vec<_>>().join(" "),
        output: pick(rng, &WORDS).to_owned(),
    }
}

fn store(all: &[Known]) -> Store {
    let store = Store::open(&Database::Memory).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let requests: Vec<_> = all
        .iter()
        .map(|known| {
            let text = |text: &str| json!([{ "type": "text", "text": text }]);
            let metadata = match known.user {
                Some(user) => json!({ "user": user.to_string() }),
                None => json!({}),
            };
            let request = json!({
                "provider": "custom", "model": known.model, "status": known.status, "tags": known.tags,
                "input": { "type": "chat", "messages": [{ "role": "user", "content": text(&known.input) }] },
                "output": { "type": "completion", "content": text(&known.output) },
                "metadata": metadata, "input_tokens": known.tokens, "price": known.price,
                "score": known.score.unwrap_or_default(),
                "score_name": known.score.map(|_| "quality"),
            });
            let times = (
                Timestamp::from_nanoseconds(known.start),
                Timestamp::from_nanoseconds(known.start + known.duration),
            );
            (serde_json::from_value(request).unwrap(), times)
        })
        .collect();
    runtime
        .block_on(store.write(move |store| {
            for (request, times) in requests {
                store.insert_request(request, times)?;
            }
            Ok::<_, StoreError>(())
        }))
        .unwrap();
    runtime.block_on(store.index_texts()).unwrap();
    store
}

fn random_filter(rng: &mut Rng, depth: usize) -> Filter {
    let comparison = [
        Comparison::Equal,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ][rng.usize(..5)];
    let text = |text: &str| text.to_owned();
    match rng.usize(..if depth == 0 { 11 } else { 14 }) {
        0 => Filter::is(TextField::Model, MODELS[rng.usize(1..4)]),
        1 => Filter::Text(
            TextField::Model,
            TextTest::Contains(text(["4o", "_100%", "G", "x"][rng.usize(..4)])),
        ),
        2 => Filter::Text(
            TextField::Status,
            TextTest::Is(vec![text("ERROR"), text(STATUSES[rng.usize(1..4)])]),
        ),
        3 => Filter::Member(Member::Tag, TextTest::Is(vec![text(TAGS[rng.usize(..3)])])),
        4 => Filter::Member(Member::Metadata(text("user")), TextTest::Is(vec![rng.i64(0..42).to_string()])),
        5 => Filter::Member(Member::MetadataKey, TextTest::Exists),
        6 => Filter::Number(NumberField::Start, comparison, Number::Integer(rng.i64(0..400) * 1_000_000_000)),
        7 => Filter::Number(NumberField::Duration, comparison, Number::Integer(rng.i64(-1..50) * 1_000_000)),
        8 => Filter::Number(NumberField::Price, comparison, Number::Real(f64::from(rng.u32(1..5)) / 8.0)),
        9 => Filter::Score(
            [None, Some(text("quality")), Some(text("none"))][rng.usize(..3)].clone(),
            comparison,
            80,
        ),
        10 => {
            let side = [Side::Input, Side::Output, Side::Both][rng.usize(..3)];
            let words: Vec<&str> = (0..rng.usize(1..3))
                .map(|_| ["Oslo", "rain", "weat*", "Zür*", "東京"][rng.usize(..5)])
                .collect();
            Filter::Words(Words { side, text: words.join(" ") })
        }
        11 => Filter::All((0..rng.usize(..3)).map(|_| random_filter(rng, depth - 1)).collect()),
        12 => Filter::Any((0..rng.usize(1..3)).map(|_| random_filter(rng, depth - 1)).collect()),
        _ => random_filter(rng, depth - 1).not(),
    }
}

fn compare(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

/// Tests the condition on a request, without SQL.
fn fulfills(known: &Known, filter: &Filter) -> bool {
    let test = |test: &TextTest, text: &str| match test {
        TextTest::Is(texts) => texts.iter().any(|one| one == text),
        TextTest::Contains(part) => text.to_ascii_lowercase().contains(&part.to_ascii_lowercase()),
        TextTest::Exists => !text.is_empty(),
        TextTest::StartsWith(_) | TextTest::EndsWith(_) => unreachable!("not generated"),
    };
    match filter {
        Filter::All(filters) => filters.iter().all(|filter| fulfills(known, filter)),
        Filter::Any(filters) => filters.iter().any(|filter| fulfills(known, filter)),
        Filter::Not(filter) => !fulfills(known, filter),
        Filter::Text(TextField::Model, one) => test(one, known.model),
        Filter::Text(_, one) => test(one, known.status),
        Filter::Member(Member::Tag, one) => known.tags.iter().any(|tag| test(one, tag)),
        Filter::Member(Member::MetadataKey, _) => known.user.is_some(),
        Filter::Member(_, one) => known.user.is_some_and(|user| test(one, &user.to_string())),
        Filter::Number(NumberField::Price, comparison, Number::Real(price)) => {
            compare(*comparison, known.price.total_cmp(price))
        }
        Filter::Number(field, comparison, Number::Integer(number)) => {
            let value = if *field == NumberField::Start { known.start } else { known.duration };
            compare(*comparison, value.cmp(number))
        }
        Filter::Score(name, comparison, score) => {
            name.as_deref().is_none_or(|name| name == "quality")
                && known.score.is_some_and(|value| compare(*comparison, value.cmp(score)))
        }
        Filter::Words(words) => words.text.split(' ').all(|word| {
            let has = |text: &str| {
                text.split(' ').any(|other| match word.strip_suffix('*') {
                    Some(beginning) => other.starts_with(beginning),
                    None => other == word,
                })
            };
            (words.side != Side::Output && has(&known.input))
                || (words.side != Side::Input && has(&known.output))
        }),
        other => unreachable!("{other:?} is not generated"),
    }
}

/// Returns the ids that fulfill all conditions, in order.
fn expected(all: &[Known], filters: &[Filter], sort: Sort) -> Vec<i64> {
    let mut hits: Vec<&Known> =
        all.iter().filter(|known| filters.iter().all(|filter| fulfills(known, filter))).collect();
    hits.sort_by(|one, other| {
        let order = match sort.by {
            SortBy::Start => one.start.cmp(&other.start),
            SortBy::Duration => one.duration.cmp(&other.duration),
            SortBy::Price => one.price.total_cmp(&other.price),
            SortBy::Status => one.status.cmp(other.status),
            _ => one.tokens.cmp(&other.tokens),
        };
        let order = order.then(one.id.cmp(&other.id));
        if sort.descending { order.reverse() } else { order }
    });
    hits.iter().map(|known| known.id).collect()
}

/// Follows the links from the first page to the last, and checks the links back and the figures on the way.
fn all_pages(store: &Reader<'_>, filters: &[Filter], sort: Sort, expected: &[i64]) -> Vec<i64> {
    let mut ids = Vec::new();
    let mut from: Option<PageKey> = None;
    loop {
        let page = store.find_requests(filters, sort, from.as_ref(), PER_PAGE).unwrap();
        let shown: Vec<i64> = page.rows.iter().map(|row| row.id).collect();
        if page.figures.are_complete {
            assert_eq!(page.figures.requests, expected.len());
        }
        if let Some(here) = &page.links.here {
            let again = store.find_requests(filters, sort, Some(here), PER_PAGE).unwrap();
            let again: Vec<i64> = again.rows.iter().map(|row| row.id).collect();
            // A page that reading did not fill is fuller when reading begins with its first request.
            let is_full = page.links.unread.is_none();
            assert!(again == shown || (!is_full && again.starts_with(&shown)), "the link to the page");
        }
        if let Some(key) = &page.links.previous {
            let before = store.find_requests(filters, sort, Some(key), PER_PAGE).unwrap();
            let before: Vec<i64> = before.rows.iter().map(|row| row.id).collect();
            assert!(ids.ends_with(&before) && before.len() == PER_PAGE, "the page before");
        }
        ids.extend(shown);
        match page.links.next.or(page.links.unread) {
            Some(next) => from = Some(next),
            None => return ids,
        }
    }
}

/// Checks that figures from a sample are near those of all requests.
fn check_sample(store: &Reader<'_>, filters: &[Filter], all: usize) -> rusqlite::Result<()> {
    let series = store.series(filters, None, Some(200))?;
    let total = series.total().requests;
    match series.part {
        Part::All => assert_eq!(total, all, "{filters:?}"),
        Part::Newest => assert!(total <= 200, "{filters:?}"),
        Part::Sample(step) => {
            let step = usize::try_from(step).unwrap();
            assert!(total.is_multiple_of(step), "{filters:?}");
            // A sample of n requests is off by about the root of n. This is many times that.
            let distance = total.abs_diff(all);
            assert!(distance <= 60 + all / 3, "{filters:?}: {total} instead of {all}");
        }
    }
    Ok(())
}

#[test]
fn found_requests_equal_those_of_a_simple_search() {
    let seed = 7;
    let mut rng = Rng::with_seed(seed);
    let all: Vec<Known> = (1..=REQUESTS).map(|id| known(id, &mut rng)).collect();
    let store = store(&all);
    let orders =
        [SortBy::Start, SortBy::Duration, SortBy::Price, SortBy::InputTokens, SortBy::Tokens, SortBy::Status];
    let cases: Vec<(Vec<Filter>, Sort)> = (0..80)
        .map(|_| {
            let filters = (0..rng.usize(..4)).map(|_| random_filter(&mut rng, 2)).collect();
            (filters, Sort { by: orders[rng.usize(..6)], descending: rng.bool() })
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let read = store.read(move |store| {
        let (mut indexed, mut scanned, mut cut) = (0, 0, 0);
        for (filters, sort) in cases {
            let expected = expected(&all, &filters, sort);
            let first = store.find_requests(&filters, sort, None, PER_PAGE)?;
            match store.indexed(&super::find::conjuncts(&filters), sort)? {
                None => scanned += 1,
                Some((_, true)) => indexed += 1,
                Some((_, false)) => {
                    // Words that too many requests have: the newest of these are searched.
                    cut += 1;
                    assert!(!first.figures.are_complete);
                    continue;
                }
            }
            assert_eq!(all_pages(store, &filters, sort, &expected), expected, "{filters:?} {sort:?}");
            for number in [1, 2, 9] {
                let page = store.find_page(&filters, sort, number, 10)?;
                let ids: Vec<i64> = page.rows.iter().map(|row| row.id).collect();
                let of_page: Vec<i64> = expected.iter().skip((number - 1) * 10).take(10).copied().collect();
                assert_eq!(
                    (page.total, ids),
                    (expected.len(), of_page),
                    "{filters:?} {sort:?} page {number}"
                );
            }
            let series = store.series(&filters, None, None)?;
            assert_eq!(series.total().requests, expected.len(), "{filters:?}");
            check_sample(store, &filters, expected.len())?;
        }
        assert!(indexed > 10 && scanned > 10 && cut > 0, "{indexed} {scanned} {cut}");
        Ok::<_, StoreError>(())
    });
    runtime.block_on(read).unwrap();
}
