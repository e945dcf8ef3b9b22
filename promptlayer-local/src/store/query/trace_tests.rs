//! Compares the traces that are found with a simple search through all traces.

use std::cmp::Reverse;

use fastrand::Rng;
use serde_json::json;

use super::{Comparison, Filter, Number, NumberField, PageKey, SortBy, TraceFilter};
use crate::Database;
use crate::store::{Reader, Resent, SpanOptions, Store, StoreError};

/// More than the limits of a page in tests, so that both ways to find traces are used.
const TRACES: i64 = 1_500;
const PER_PAGE: usize = 70;

/// What the simple search knows of a trace.
struct Known {
    id: i64,
    start: i64,
    names: Vec<&'static str>,
    has_errors: bool,
}

fn known(id: i64, rng: &mut Rng) -> Known {
    let mut names = vec!["agent"];
    names.extend(["search", "Call_model", "100%"].into_iter().filter(|_| rng.u32(..3) == 0));
    if rng.u32(..200) == 0 {
        names.push("rare");
    }
    // The oldest traces have a name of their own, and many traces start at the same time.
    let start = rng.i64(0..300);
    if start < 60 {
        names.push("old");
    }
    Known { id, start, names, has_errors: rng.u32(..3) == 0 }
}

fn fill(all: &[Known]) -> Store {
    let store = Store::open(&Database::Memory).unwrap();
    let spans = all
        .iter()
        .flat_map(|trace| {
            trace.names.iter().enumerate().map(|(number, name)| {
                let failed = trace.has_errors && number == 0;
                serde_json::from_value(json!({
                    "name": name, "kind": "", "start_time": trace.start, "end_time": 400, "attributes": {},
                    "context": { "trace_id": trace.id.to_string(), "span_id": number.to_string(), "trace_state": "" },
                    "parent_id": (number > 0).then_some("0"), "resource": {},
                    "status": { "status_code": if failed { "StatusCode.ERROR" } else { "StatusCode.OK" } },
                }))
                .unwrap()
            })
        })
        .collect();
    let options = SpanOptions { close_after: false, resent: Resent::Store };
    let write = store.write(move |store| store.insert_spans(spans, options).map_err(StoreError::from));
    run(write).unwrap();
    store
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Returns the ids on all pages, from the newest trace on, and the number of pages that were not full because
/// reading stopped.
fn all_pages(store: &Reader<'_>, filter: &TraceFilter) -> rusqlite::Result<(Vec<i64>, usize)> {
    let (mut ids, mut stops, mut from) = (Vec::new(), 0, None);
    loop {
        let page = store.find_traces(filter, from.as_ref(), PER_PAGE)?;
        assert_eq!(page.stored, TRACES);
        stops += usize::from(page.links.unread.is_some());
        ids.extend(page.rows.iter().map(|row| row.id));
        match page.links.next.or(page.links.unread) {
            Some(key) => from = Some(key),
            None => return Ok((ids, stops)),
        }
    }
}

#[test]
fn pages_of_traces_equal_a_simple_search() {
    let mut rng = Rng::with_seed(12);
    let mut all: Vec<Known> = (1..=TRACES).map(|id| known(id, &mut rng)).collect();
    let store = fill(&all);
    all.sort_by_key(|trace| Reverse((trace.start, trace.id)));
    let time = |comparison, at| Filter::Number(NumberField::Start, comparison, Number::Integer(at));
    let times = [
        vec![],
        vec![time(Comparison::GreaterOrEqual, 100), time(Comparison::Less, 250)],
        vec![time(Comparison::Less, 40)],
    ];
    let mut stops = 0;
    for name in [None, Some("agent"), Some("call_m"), Some("%"), Some("rare"), Some("old"), Some("none")] {
        for has_errors in [None, Some(true), Some(false)] {
            for (number, times) in times.iter().enumerate() {
                let is_within = |start: i64| match number {
                    0 => true,
                    1 => (100..250).contains(&start),
                    _ => start < 40,
                };
                let has_name = |trace: &Known| {
                    name.is_none_or(|part| trace.names.iter().any(|name| name.to_lowercase().contains(part)))
                };
                let expected: Vec<i64> = all
                    .iter()
                    .filter(|trace| has_errors.is_none_or(|wanted| trace.has_errors == wanted))
                    .filter(|trace| is_within(trace.start) && has_name(trace))
                    .map(|trace| trace.id)
                    .collect();
                let filter = TraceFilter { name: name.map(str::to_owned), has_errors, times: times.clone() };
                let found = run(store.read(move |store| Ok::<_, StoreError>(all_pages(store, &filter)?)));
                let (found, stopped) = found.unwrap();
                assert_eq!(found, expected, "{name:?} {has_errors:?} {times:?}");
                stops += stopped;
            }
        }
    }
    assert!(stops > 0, "no search was stopped");
}

#[test]
fn previous_and_last_pages_of_traces_are_the_same_pages() {
    let mut rng = Rng::with_seed(5);
    let all: Vec<Known> = (1..=TRACES).map(|id| known(id, &mut rng)).collect();
    let store = fill(&all);
    let read = move |store: &Reader<'_>| {
        let filter = TraceFilter::default();
        let page = |from: Option<&PageKey>| store.find_traces(&filter, from, PER_PAGE);
        let ids = |from: Option<&PageKey>| -> rusqlite::Result<Vec<i64>> {
            Ok(page(from)?.rows.iter().map(|row| row.id).collect())
        };
        let first = page(None)?;
        let second = page(first.links.next.as_ref())?;
        let third = page(second.links.next.as_ref())?;
        assert_eq!(ids(third.links.previous.as_ref())?, ids(first.links.next.as_ref())?);
        assert_eq!((second.links.has_previous, second.links.previous), (true, None), "the first page");
        assert_eq!(ids(third.links.here.as_ref())?, ids(second.links.next.as_ref())?);
        let last = page(first.links.last.as_ref())?;
        assert_eq!((last.rows.len(), last.links.next), (PER_PAGE, None));
        let beyond = PageKey::parse("-1_0", SortBy::Start);
        assert!(ids(beyond.as_ref())?.is_empty());
        Ok::<_, StoreError>(())
    };
    run(store.read(read)).unwrap();
}
