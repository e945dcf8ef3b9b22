//! Tests of deleting old data.
//!
//! `PROMPTLAYER_LOCAL_SCALE=200000 cargo test -p promptlayer-local --release deletes_half -- --nocapture` measures how
//! long deleting half of 200,000 requests takes. Without the variable, there are 2,000.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{Filter, NewSpan, Resent, Side, Sort, SpanOptions, Store, StoreError, Words, integer};
use crate::Database;
use crate::timestamp::Timestamp;

const SECOND: i64 = 1_000_000_000;
const BEGIN: i64 = 1_768_473_000 * SECOND;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Returns a span that began this number of seconds after the begin.
fn span(second: i64, trace: &str, words: Option<&str>) -> Value {
    let request = words.map(|words| {
        json!({
            "provider": "openai", "model": "gpt-4o", "tags": ["billing"], "metadata": { "user": "42" }, "score": 7,
            "input": { "type": "chat", "messages": [{ "role": "user", "content": [{ "type": "text", "text": words }] }] },
            "output": { "type": "chat", "messages": [] },
        })
    });
    json!({
        "name": "call", "kind": "", "start_time": BEGIN + second * SECOND, "end_time": BEGIN + second * SECOND + 1,
        "context": { "trace_id": trace, "span_id": format!("{trace}-{second}"), "trace_state": "" },
        "status": { "status_code": "StatusCode.OK" }, "attributes": {}, "resource": {}, "log_request": request,
    })
}

fn insert(runtime: &tokio::runtime::Runtime, store: &Store, spans: impl IntoIterator<Item = Value>) {
    let mut spans = spans.into_iter().map(|span| serde_json::from_value::<NewSpan>(span).unwrap());
    loop {
        let group: Vec<NewSpan> = spans.by_ref().take(200).collect();
        if group.is_empty() {
            break;
        }
        let options = SpanOptions { close_after: false, resent: Resent::Store };
        runtime
            .block_on(store.write(move |store| store.insert_spans(group, options).map_err(StoreError::from)))
            .unwrap();
    }
    runtime.block_on(store.index_texts()).unwrap();
}

/// Returns a sentence of this length of words that repeat in many requests, and of one that does not.
fn sentence(index: usize, length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(index as u64);
    let mut text = format!("unique{index}");
    while text.len() < length {
        text = format!("{text} word{}", random.u32(0..5_000));
    }
    text
}

fn ids_with(runtime: &tokio::runtime::Runtime, store: &Store, text: &str) -> Vec<i64> {
    let filters = vec![Filter::Words(Words { side: Side::Both, text: text.to_owned() })];
    let find = store.read(move |store| {
        store.find_requests(&filters, Sort::default(), None, 100).map_err(StoreError::from)
    });
    let mut ids: Vec<i64> = runtime.block_on(find).unwrap().rows.iter().map(|row| row.id).collect();
    ids.sort_unstable();
    ids
}

/// Checks that the tables agree with each other.
fn check(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let requests = number("SELECT count(*) FROM requests");
    assert_eq!(number("SELECT requests FROM request_counts"), requests);
    assert_eq!(number("SELECT count(*) FROM request_facts"), requests);
    for table in ["request_tags", "request_metadata", "scores", "request_facts"] {
        let sql = format!("SELECT count(*) FROM {table} WHERE request_id NOT IN (SELECT id FROM requests)");
        assert_eq!(number(&sql), 0, "{table}");
    }
    let integrity: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    connection.execute_batch("INSERT INTO request_texts (request_texts) VALUES ('integrity-check')").unwrap();
    requests
}

#[test]
fn old_requests_and_old_traces_are_deleted_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let (runtime, store) = (runtime(), Store::open(&Database::File(path.clone())).unwrap());
    insert(
        &runtime,
        &store,
        [
            span(0, "old", None),
            span(1, "old", Some("Oslo one")),
            span(2, "both", None),
            span(3, "both", Some("Oslo two")),
            span(10, "both", Some("Oslo three")),
            span(11, "young", None),
            span(12, "young", Some("Oslo four")),
        ],
    );
    let before = Timestamp::from_nanoseconds(BEGIN + 10 * SECOND);
    assert_eq!(runtime.block_on(store.delete_older(before)).unwrap(), 5);
    assert_eq!(runtime.block_on(store.delete_older(before)).unwrap(), 0);
    assert_eq!(ids_with(&runtime, &store, "Oslo"), [3, 4]);
    assert_eq!(ids_with(&runtime, &store, "one"), [0_i64; 0]);
    let spans = |trace: &'static str| {
        let read = store.read(move |store| store.trace(trace).map_err(StoreError::from));
        runtime.block_on(read).unwrap().iter().map(|span| span.span_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(spans("old"), [""; 0]);
    assert_eq!(spans("both"), ["both-2", "both-10"]);
    assert_eq!(spans("young"), ["young-11", "young-12"]);
    assert_eq!(check(&path), 2);
}

#[test]
fn file_above_its_size_shrinks_below_it() {
    let directory = tempfile::tempdir().unwrap();
    for shrinks_from_the_start in [true, false] {
        let path = directory.path().join(format!("{shrinks_from_the_start}.db"));
        if !shrinks_from_the_start {
            // A file of an earlier version.
            Connection::open(&path).unwrap().execute_batch("PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
        }
        let (runtime, store) = (runtime(), Store::open(&Database::File(path.clone())).unwrap());
        store.allow_shrinking();
        let request =
            |index: usize| span(integer(index), &format!("t-{}", index / 3), Some(&sentence(index, 3_000)));
        insert(&runtime, &store, (0..1_000).map(request));
        let size = || std::fs::metadata(&path).unwrap().len();
        runtime.block_on(store.finish_deleting(true)).unwrap();
        let full = size();
        assert_eq!(runtime.block_on(store.shrink_below(full)).unwrap(), 0);

        let deleted = runtime.block_on(store.shrink_below(full / 2)).unwrap();
        assert!(size() < full / 2, "{} of {full} bytes", size());
        assert!((800..1_400).contains(&deleted), "{deleted} of 2,000 requests and spans");
        assert_eq!(std::fs::metadata(path.with_extension("db-wal")).unwrap().len(), 0);
        let left = check(&path);
        assert!(left > 300, "{left}");
        assert_eq!(ids_with(&runtime, &store, "unique999"), [1_000]);
        assert_eq!(ids_with(&runtime, &store, "unique0"), [0_i64; 0]);

        runtime.block_on(store.shrink_below(1)).unwrap();
        assert_eq!(check(&path), 0);
    }
}

#[test]
fn deletes_half_in_short_transactions() {
    let requests = std::env::var("PROMPTLAYER_LOCAL_SCALE").ok().and_then(|text| text.parse().ok());
    let requests: usize = requests.unwrap_or(2_000);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let (runtime, store) = (runtime(), Store::open(&Database::File(path.clone())).unwrap());
    let request =
        |index: usize| span(integer(index), &format!("t-{}", index / 5), Some(&sentence(index, 2_000)));
    let begin = Instant::now();
    insert(&runtime, &store, (0..requests).map(request));
    runtime.block_on(store.finish_deleting(true)).unwrap();
    let (stored, full) = (begin.elapsed(), std::fs::metadata(&path).unwrap().len());

    let begin = Instant::now();
    let half = i64::try_from(requests / 2).unwrap();
    let before = Timestamp::from_nanoseconds(BEGIN + half * SECOND);
    let (deleted, waits) = runtime.block_on(async {
        let deleting = store.clone();
        let deleting = tokio::spawn(async move { deleting.delete_older(before).await });
        let mut waits = Vec::new();
        while !deleting.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let begin = Instant::now();
            store.write(|store| store.create_group().map_err(StoreError::from)).await.unwrap();
            waits.push(begin.elapsed());
        }
        (deleting.await.unwrap().unwrap(), waits)
    });
    let time = begin.elapsed();
    let mut waits = waits;
    waits.sort_unstable();
    let left = std::fs::metadata(&path).unwrap().len();
    println!(
        "{requests} requests stored in {stored:?}, {full} bytes; {deleted} rows deleted in {time:?}, {left} bytes left; \
         {} writes meanwhile waited {:?} (median), {:?} (99 %), {:?} (longest)",
        waits.len(),
        waits.get(waits.len() / 2),
        waits.get(waits.len() * 99 / 100),
        waits.last(),
    );
    assert_eq!(deleted, requests / 2 * 2);
    assert_eq!(check(&path), half);
    assert!(left < full * 7 / 10, "{left} of {full} bytes");
}
