//! Checks that the cost of a page does not depend on the amount of stored data. The cost is counted in steps
//! of SQLite's virtual machine.
//!
//! `PROMPTLAYER_LOCAL_SCALE=200000 cargo test -p promptlayer-local --release scale -- --nocapture` runs the
//! test with 200,000 requests. Without the variable, there are 4,000.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{
    NewSpan, PageKey, Reader, Resent, Sort, SortBy, SpanOptions, Store, StoreError, TraceFilter, integer,
};
use crate::Database;

const PER_PAGE: usize = 50;
const BATCH: usize = 200;
const TRACE: usize = 500;

/// Returns a span. Spans start one millisecond apart, and five of them form a trace.
fn span(index: usize, trace: &str, with_request: bool) -> Value {
    let start = 1_768_473_001_000_000_000 + index * 1_000_000;
    let request = json!({
        "provider": "openai", "model": "gpt-4o", "function_name": format!("call-{index}"),
        "tags": ["billing", "eu"], "metadata": { "user": format!("u-{}", index % 97) }, "score": index % 100,
        "input": { "type": "chat", "messages": [{ "role": "user", "content": "x".repeat(700) }] },
        "output": { "type": "chat", "messages": [{ "role": "assistant", "content": "y".repeat(700) }] },
    });
    json!({
        "name": "call", "kind": "", "start_time": start, "end_time": start + 900_000,
        "context": { "trace_id": trace, "span_id": index.to_string(), "trace_state": "" },
        "parent_id": (!index.is_multiple_of(5)).then(|| (index - index % 5).to_string()),
        "status": { "status_code": "StatusCode.OK" },
        "attributes": { "node_type": "LLM", "function_input": "in", "function_output": "out" }, "resource": {},
        "log_request": with_request.then_some(request),
    })
}

fn insert(store: &Store, runtime: &tokio::runtime::Runtime, spans: impl IntoIterator<Item = Value>) {
    let mut spans = spans.into_iter().map(|span| serde_json::from_value::<NewSpan>(span).unwrap());
    loop {
        let batch: Vec<NewSpan> = spans.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return;
        }
        let options = SpanOptions { close_after: false, resent: Resent::Store };
        let write = store.write(move |store| store.insert_spans(batch, options).map_err(StoreError::from));
        runtime.block_on(write).unwrap();
    }
}

/// Fills a database with this number of requests, and with one separate trace in the middle of them.
fn fill(path: &Path, requests: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = Store::open(&Database::File(path.to_owned())).unwrap();
    let half = requests / 2;
    insert(&store, &runtime, (0..half).map(|index| span(index, &format!("t-{}", index / 5), true)));
    insert(&store, &runtime, (0..TRACE).map(|index| span(index, "the trace", false)));
    insert(&store, &runtime, (half..requests).map(|index| span(index, &format!("t-{}", index / 5), true)));
}

/// Returns the cost of queries: the steps, and the median time of five runs.
fn cost(connection: &Connection, steps: &AtomicUsize, queries: impl Fn(&Reader<'_>)) -> (usize, Duration) {
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            steps.store(0, Ordering::Relaxed);
            let begin = Instant::now();
            queries(&Reader { connection });
            begin.elapsed()
        })
        .collect();
    times.sort_unstable();
    (steps.load(Ordering::Relaxed), times[2])
}

/// Returns the costs of the pages: the first, a middle and the last one, one after the last, a trace, and a
/// request.
fn costs(path: &Path, requests: usize) -> Vec<(&'static str, usize, Duration)> {
    let mut connection = Connection::open(path).unwrap();
    let steps = Arc::new(AtomicUsize::new(0));
    let counter = steps.clone();
    connection
        .progress_handler(
            1,
            Some(move || {
                counter.fetch_add(1, Ordering::Relaxed);
                false
            }),
        )
        .unwrap();
    let key = |offset: usize| -> PageKey {
        let (start, id): (i64, i64) = connection
            .query_row(
                "SELECT start_ns, request_id FROM request_facts ORDER BY start_ns DESC, request_id DESC
                 LIMIT 1 OFFSET ?",
                [integer(offset)],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        PageKey::parse(&format!("{start}_{id}"), SortBy::Start).unwrap()
    };
    let list = |before: Option<PageKey>, expected: usize| {
        cost(&connection, &steps, move |store| {
            let page = store.find_requests(&[], Sort::default(), before.as_ref(), PER_PAGE).unwrap();
            assert_eq!((page.rows.len(), page.stored), (expected, integer(requests)));
        })
    };
    let trace = cost(&connection, &steps, |store| {
        let nodes = store.trace_nodes("the trace").unwrap();
        assert_eq!(nodes.len(), TRACE);
        assert_eq!(store.span_details(nodes.iter().map(|node| node.row)).unwrap().len(), TRACE);
    });
    let traces = |filter: TraceFilter, before: Option<PageKey>, expected: usize| {
        cost(&connection, &steps, move |store| {
            let page = store.find_traces(&filter, before.as_ref(), PER_PAGE).unwrap();
            assert_eq!((page.rows.len(), page.stored), (expected, integer(requests / 5 + 1)));
        })
    };
    let named = |name: &str| TraceFilter { name: Some(name.to_owned()), ..TraceFilter::default() };
    let failed = TraceFilter { has_errors: Some(true), ..TraceFilter::default() };
    let request = cost(&connection, &steps, |store| {
        assert!(store.request(integer(requests / 2)).unwrap().is_some());
    });
    [
        ("first page", list(None, PER_PAGE)),
        ("middle page", list(Some(key(requests / 2)), PER_PAGE)),
        ("last page", list(Some(key(requests - PER_PAGE - 1)), PER_PAGE)),
        ("past the last page", list(PageKey::parse("0_0", SortBy::Start), 0)),
        ("trace of 500 spans", trace),
        ("one request", request),
        ("traces", traces(TraceFilter::default(), None, PER_PAGE)),
        ("traces at the end", traces(TraceFilter::default(), PageKey::parse("0_0", SortBy::Start), 0)),
        ("traces with a frequent name", traces(named("CAL"), None, PER_PAGE)),
        ("traces with a name that none has", traces(named("none"), None, 0)),
        ("traces with errors", traces(failed, None, 0)),
    ]
    .into_iter()
    .map(|(what, (steps, time))| (what, steps, time))
    .collect()
}

#[test]
fn pages_cost_the_same_at_any_depth_and_at_any_scale() {
    let requests = std::env::var("PROMPTLAYER_LOCAL_SCALE").map_or(4_000, |text| text.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let [large, small] = [("large.db", requests), ("small.db", requests / 10)].map(|(name, requests)| {
        let path = directory.path().join(name);
        fill(&path, requests);
        costs(&path, requests)
    });
    for (what, steps, time) in &large {
        println!("{what}: {steps} steps, {time:?}, with {requests} requests");
    }
    let first = large[0].1;
    for ((what, steps, _), (_, small_steps, _)) in large.iter().zip(&small) {
        if what.starts_with("traces") {
            // With a tenth of the requests, there are fewer traces than one page reads.
            assert!(*steps * 100 <= first * 150, "{what}: {steps} steps, the first page {first}");
            continue;
        }
        // SQLite finds the key of a page in a B-tree, which can be one level deeper. That is not a step of
        // the virtual machine.
        assert!(
            *steps * 100 <= small_steps * 105,
            "{what}: {steps} steps, {small_steps} with a tenth of the requests"
        );
        if what.ends_with("page") {
            // The first page has no newer requests to look up.
            assert!(*steps * 100 <= first * 150, "{what}: {steps} steps, the first page {first}");
        }
    }
}
