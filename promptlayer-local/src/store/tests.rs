//! Tests of the store under contention, and of the files that it opens.

use std::path::PathBuf;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use super::{
    NewSpan, READERS, Reader, Resent, Sort, SpanOptions, Store, StoreError, WAITING, Writer, schema,
};
use crate::timestamp::Timestamp;
use crate::{Database, Error};

/// Returns an in-memory database and a file database.
fn databases(directory: &tempfile::TempDir) -> [Database; 2] {
    [Database::Memory, Database::File(directory.path().join("test.db"))]
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

fn log_one(store: &Writer<'_>) -> Result<i64, StoreError> {
    let request = json!({
        "provider": "openai", "model": "gpt-4o", "input": {}, "output": {}, "tags": ["a"], "metadata": { "k": "v" },
    });
    let request = serde_json::from_value(request).unwrap();
    Ok(store.insert_request(request, (Timestamp::now(), Timestamp::now()))?)
}

fn count(store: &Reader<'_>) -> Result<i64, StoreError> {
    let page = store.find_requests(&[], Sort::default(), None, 10)?;
    let actual: i64 = store.connection.query_row("SELECT count(*) FROM requests", [], |row| row.get(0))?;
    assert_eq!(page.stored, actual, "the count that is kept");
    Ok(actual)
}

/// Locks the database for writing, as another program would.
fn lock(database: &Database) -> Connection {
    let Database::File(path) = database else { panic!("only a file can be locked by another program") };
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

/// Polls a future once, and checks that it is pending.
async fn assert_waits<F: Future + Unpin>(future: &mut F) {
    let waits = std::future::poll_fn(|context| {
        Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
    });
    assert!(waits.await, "it did not wait");
}

#[test]
fn locked_database_is_read_while_a_write_waits() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::File(directory.path().join("test.db"));
    let store = Store::open(&database).unwrap();
    run(async {
        store.write(log_one).await.unwrap();
        let other = lock(&database);
        let mut write = Box::pin(store.write(log_one));
        assert_waits(&mut write).await;
        assert_eq!(store.read(count).await.unwrap(), 1);
        assert_waits(&mut write).await;
        other.execute_batch("COMMIT").unwrap();
        assert_eq!(write.await.unwrap(), 2);
        assert_eq!(store.read(count).await.unwrap(), 2);
    });
}

#[test]
fn slow_read_delays_neither_reads_nor_writes() {
    let directory = tempfile::tempdir().unwrap();
    for database in databases(&directory) {
        let store = Store::open(&database).unwrap();
        run(async {
            store.write(log_one).await.unwrap();
            let (started, start) = tokio::sync::oneshot::channel();
            let (finish, finished) = mpsc::channel::<()>();
            let mut slow = Box::pin(store.read(move |store| {
                let mut statement = store.connection.prepare("SELECT id FROM requests")?;
                let mut rows = statement.query([])?;
                let first = rows.next()?.map(|row| row.get::<_, i64>(0)).transpose()?;
                started.send(()).unwrap();
                finished.recv().unwrap();
                // Only an in-memory database shows rows that were written in the meantime.
                let more = rows.next()?.is_some();
                assert_eq!(more, store.connection.path().is_none_or(str::is_empty));
                Ok::<_, StoreError>(first)
            }));
            assert_waits(&mut slow).await;
            start.await.unwrap();
            assert_eq!(store.read(count).await.unwrap(), 1, "{database:?}");
            assert_eq!(store.write(log_one).await.unwrap(), 2);
            assert_eq!(store.read(count).await.unwrap(), 2);
            finish.send(()).unwrap();
            assert_eq!(slow.await.unwrap(), Some(1), "{database:?}");
        });
    }
}

#[test]
fn slow_write_delays_no_read() {
    let directory = tempfile::tempdir().unwrap();
    for database in databases(&directory) {
        let store = Store::open(&database).unwrap();
        run(async {
            store.write(log_one).await.unwrap();
            let (started, start) = tokio::sync::oneshot::channel();
            let (finish, finished) = mpsc::channel::<()>();
            let mut slow = Box::pin(store.write(move |store| {
                let id = log_one(store)?;
                started.send(()).unwrap();
                finished.recv().unwrap();
                Ok::<_, StoreError>(id)
            }));
            assert_waits(&mut slow).await;
            start.await.unwrap();
            assert!(store.read(|store| Ok::<_, StoreError>(store.request(1)?)).await.unwrap().is_some());
            store.read(count).await.unwrap();
            finish.send(()).unwrap();
            assert_eq!(slow.await.unwrap(), 2, "{database:?}");
        });
    }
}

#[test]
fn write_whose_caller_left_before_its_turn_stores_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::File(directory.path().join("test.db"));
    let store = Store::open(&database).unwrap();
    run(async {
        let other = lock(&database);
        // The first write waits for the lock, the second one for the first.
        let mut waiting = [Box::pin(store.write(log_one)), Box::pin(store.write(log_one))];
        for write in &mut waiting {
            assert_waits(write).await;
        }
        drop(waiting);
        let mut next = Box::pin(store.write(log_one));
        assert_waits(&mut next).await;
        other.execute_batch("COMMIT").unwrap();
        assert_eq!(next.await.unwrap(), 1);
        assert_eq!(store.read(count).await.unwrap(), 1);
    });
}

#[test]
fn write_whose_caller_left_after_it_began_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    for database in databases(&directory) {
        let store = Store::open(&database).unwrap();
        run(async {
            let (started, start) = tokio::sync::oneshot::channel();
            let (finish, finished) = mpsc::channel::<()>();
            let mut write = Box::pin(store.write(move |store| {
                let id = log_one(store)?;
                started.send(()).unwrap();
                finished.recv().unwrap();
                Ok::<_, StoreError>(id)
            }));
            assert_waits(&mut write).await;
            start.await.unwrap();
            drop(write);
            finish.send(()).unwrap();
            assert_eq!(store.write(log_one).await.unwrap(), 2, "{database:?}");
        });
    }
}

#[test]
fn failed_write_stores_nothing() {
    let directory = tempfile::tempdir().unwrap();
    for database in databases(&directory) {
        let store = Store::open(&database).unwrap();
        run(async {
            let refused = store.write(|store| {
                log_one(store)?;
                Err::<(), _>(StoreError::Interrupted)
            });
            assert!(refused.await.is_err());
            let panicked = store.write(|store| {
                log_one(store)?;
                panic!("a query that panics");
                #[allow(unreachable_code, reason = "gives the closure its type")]
                Ok::<(), StoreError>(())
            });
            assert!(matches!(panicked.await, Err(StoreError::Database(_))));
            assert_eq!(store.write(log_one).await.unwrap(), 1, "{database:?}");
            assert_eq!(store.read(count).await.unwrap(), 1, "{database:?}");
        });
    }
}

#[test]
fn read_whose_caller_left_is_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    for database in databases(&directory) {
        let store = Store::open(&database).unwrap();
        run(async {
            store.write(log_one).await.unwrap();
            let mut endless = Vec::new();
            for _ in 0..READERS {
                let (started, start) = tokio::sync::oneshot::channel();
                let mut read = Box::pin(store.read(|store| {
                    let mut statement = store.connection.prepare(
                        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 2",
                    )?;
                    let mut rows = statement.query([])?;
                    rows.next()?;
                    started.send(()).unwrap();
                    // The second row never arrives.
                    rows.next()?;
                    Ok::<_, StoreError>(())
                }));
                assert_waits(&mut read).await;
                start.await.unwrap();
                endless.push(read);
            }
            let mut next = Box::pin(store.read(count));
            assert_waits(&mut next).await;
            drop(endless);
            assert_eq!(next.await.unwrap(), 1, "{database:?}");
        });
    }
}

#[test]
fn call_beyond_the_waiting_limit_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::File(directory.path().join("test.db"));
    let store = Store::open(&database).unwrap();
    run(async {
        let other = lock(&database);
        let mut waiting: Vec<_> = (0..=WAITING).map(|_| Box::pin(store.write(log_one))).collect();
        for write in &mut waiting {
            assert_waits(write).await;
        }
        assert!(matches!(store.write(log_one).await, Err(StoreError::Busy)));
        assert_eq!(store.read(count).await.unwrap(), 0, "reads have places of their own");
        other.execute_batch("COMMIT").unwrap();
        for write in waiting {
            write.await.unwrap();
        }
        assert_eq!(store.read(count).await.unwrap(), 257);
    });
}

#[test]
fn write_to_a_locked_database_is_busy_after_the_timeout() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::File(directory.path().join("test.db"));
    let store = Store::open_with(&database, Duration::from_millis(1)).unwrap();
    run(async {
        let other = lock(&database);
        assert!(matches!(store.write(log_one).await, Err(StoreError::Busy)));
        other.execute_batch("COMMIT").unwrap();
        assert_eq!(store.write(log_one).await.unwrap(), 1);
    });
}

#[test]
fn database_that_is_locked_can_be_opened() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::File(directory.path().join("test.db"));
    drop(Store::open(&database).unwrap());
    let _other = lock(&database);
    let store = Store::open(&database).unwrap();
    assert_eq!(run(store.read(count)).unwrap(), 0);
}

#[test]
fn acknowledged_writes_are_in_the_file_after_closing() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::File(directory.path().join("test.db"));
    let path = directory.path().join("test.db");
    let store = Store::open(&database).unwrap();
    // Another program has the file open, so SQLite does not checkpoint the write-ahead log by itself.
    let other = Connection::open(&path).unwrap();
    other.query_row("SELECT count(*) FROM requests", [], |_| Ok(())).unwrap();
    run(async {
        for _ in 0..20 {
            store.write(log_one).await.unwrap();
        }
    });
    drop(store);
    let copy = directory.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let found: i64 = Connection::open(&copy)
        .unwrap()
        .query_row("SELECT count(*) FROM requests", [], |row| row.get(0))
        .unwrap();
    assert_eq!(found, 20, "without its write-ahead log");
}

#[test]
fn file_database_uses_wal_and_foreign_keys() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let store = Store::open(&Database::File(path)).unwrap();
    run(store.write(|store| {
        let pragma = |name| {
            store.connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
        };
        assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
        assert_eq!(pragma("foreign_keys").unwrap(), 1.into());
        assert_eq!(pragma("user_version").unwrap(), schema::VERSION.into());
        assert_eq!(pragma("application_id").unwrap(), i64::from(schema::APPLICATION_ID).into());
        Ok::<_, StoreError>(())
    }))
    .unwrap();
}

#[test]
fn newer_database_is_refused_and_the_error_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let error = Store::open(&Database::File(path.clone())).unwrap_err();
    assert!(matches!(error, Error::NewerDatabase { found: 999, .. }), "{error}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");

    // A newer file that has this program's mark is refused too.
    let path = directory.path().join("own.db");
    drop(Store::open(&Database::File(path.clone())).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let error = Store::open(&Database::File(path)).unwrap_err();
    assert!(matches!(error, Error::NewerDatabase { found: 999, .. }), "{error}");
}

/// Creates a database of the first schema version with two requests, and keeps it open.
fn first_version(path: &PathBuf) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.execute_batch(schema::STEPS[0].sql).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection
        .execute_batch(
            "INSERT INTO spans VALUES (7, 't', 's', NULL, 'the span', '', 5, 6, 'StatusCode.OK', NULL, '', '{}', '[]',
                 '[]', '{}');
             INSERT INTO requests VALUES (1, 7, 'openai', 'gpt', NULL, '', '{}', '{}', '{}', 5, 6, 1, 2, 0.0, 'SUCCESS',
                 NULL, NULL, NULL, NULL, NULL, '{}');
             INSERT INTO requests VALUES (2, NULL, 'openai', 'gpt', NULL, 'named', '{}', '{}', '{}', 4, 6, 1, 2, 0.0,
                 'SUCCESS', NULL, NULL, NULL, NULL, NULL, '{}');",
        )
        .unwrap();
    connection
}

#[test]
fn labels_survive_the_migration_that_gives_them_ids() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("labels.db");
    let connection = first_version(&path);
    connection
        .execute_batch(
            "INSERT INTO templates VALUES (3, 'example', 1, 1);
             INSERT INTO template_versions VALUES (5, 3, 1, '{}', 'null', NULL, 7);
             INSERT INTO release_labels VALUES (3, 'prod', 5);
             INSERT INTO release_labels VALUES (3, 'dev', 5);",
        )
        .unwrap();
    drop(connection);
    let store = Store::open(&Database::File(path)).unwrap();
    let labels = run(store.read(|store| Ok::<_, StoreError>(store.labels(3)?))).unwrap();
    let found: Vec<_> = labels
        .iter()
        .map(|label| (label.id, label.name.as_str(), label.version_number, label.created.nanoseconds()))
        .collect();
    assert_eq!(found, [(1, "dev", 1, 7), (2, "prod", 1, 7)]);
}

#[test]
fn first_version_database_is_marked_and_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("closed.db");
    drop(first_version(&path));

    // The file of a program that was killed: all data is in the write-ahead log.
    let open = directory.path().join("open.db");
    let killed = directory.path().join("killed.db");
    let connection = first_version(&open);
    std::fs::copy(&open, &killed).unwrap();
    std::fs::copy(directory.path().join("open.db-wal"), directory.path().join("killed.db-wal")).unwrap();
    drop(connection);

    for path in [path, killed] {
        let store = Store::open(&Database::File(path.clone())).unwrap();
        let names = run(store.read(|store| {
            assert_eq!(count(store)?, 2);
            let traces = store.find_traces(&super::TraceFilter::default(), None, 10)?;
            assert_eq!((traces.stored, traces.rows[0].requests), (1, 1));
            let page = store.find_requests(&[], Sort::default(), None, 10)?;
            Ok::<_, StoreError>(page.rows.into_iter().map(|row| row.name).collect::<Vec<_>>())
        }));
        assert_eq!(names.unwrap(), ["the span", "named"]);
        assert_eq!(run(store.write(log_one)).unwrap(), 3);
        drop(store);
        let header = std::fs::read(&path).unwrap();
        assert_eq!(header[68..72], *b"PLLo", "{}", path.display());
        run(Store::open(&Database::File(path)).unwrap().read(count)).unwrap();
    }
}

#[test]
fn database_without_one_of_its_tables_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    drop(Store::open(&Database::File(path.clone())).unwrap());
    Connection::open(&path).unwrap().execute_batch("DROP TABLE scores").unwrap();
    let error = Store::open(&Database::File(path)).unwrap_err();
    assert!(error.to_string().contains("the table scores is missing"), "{error}");
}

#[test]
fn deleting_a_request_keeps_list_and_count_right() {
    let store = Store::open(&Database::Memory).unwrap();
    run(async {
        for _ in 0..3 {
            store.write(log_one).await.unwrap();
        }
        store
            .write(|store| {
                store.connection.execute("DELETE FROM requests WHERE id = 2", [])?;
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        assert_eq!(store.read(count).await.unwrap(), 2);
        let page = store
            .read(|store| Ok::<_, StoreError>(store.find_requests(&[], Sort::default(), None, 10)?))
            .await
            .unwrap();
        assert_eq!(page.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [3, 1]);
    });
}

const SPANS: SpanOptions = SpanOptions { close_after: false, resent: Resent::Store };

/// Returns all facts of traces, without their ids, and the names of the spans of each trace.
fn all_trace_facts(path: &PathBuf) -> Vec<Vec<rusqlite::types::Value>> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT trace_facts.*, (SELECT group_concat(name) FROM (SELECT span_names.name FROM names_of_traces AS n
                 JOIN span_names ON span_names.id = n.name WHERE n.trace = trace_facts.id ORDER BY 1))
             FROM trace_facts ORDER BY trace_id",
        )
        .unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (1..columns).map(|column| row.get(column)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn traces_of_an_older_database_get_the_same_facts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let store = Store::open(&Database::File(path.clone())).unwrap();
    // Each span in a transaction of its own, and children before their parents.
    for index in (0..3_000_i64).rev() {
        let (trace, number) = (index / 3, index % 3);
        let failed = index % 7 == 0;
        let log = json!({
            "provider": "openai", "model": "gpt-4o", "input": {}, "output": {}, "input_tokens": index, "price": 0.5,
            "status": if index % 5 == 0 { "ERROR" } else { "SUCCESS" },
        });
        let span: NewSpan = serde_json::from_value(json!({
            "name": format!("span {number}"), "kind": "", "start_time": 1000 + index, "end_time": 2000 - number,
            "context": { "trace_id": trace.to_string(), "span_id": number.to_string(), "trace_state": "" },
            "parent_id": (number > 0).then(|| (number - 1).to_string()),
            "status": { "status_code": if failed { "StatusCode.ERROR" } else { "StatusCode.OK" } },
            "attributes": {}, "resource": { "attributes": { "service.name": format!("service {number}") } },
            "log_request": (number == 1).then_some(log),
        }))
        .unwrap();
        run(store.write(|store| store.insert_spans(vec![span], SPANS).map_err(StoreError::from))).unwrap();
    }
    drop(store);
    let written = all_trace_facts(&path);
    assert_eq!(written.len(), 1_000);

    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("DELETE FROM names_of_traces; DELETE FROM trace_facts; DELETE FROM span_names")
        .unwrap();
    super::trace_facts::write_all(&connection).unwrap();
    drop(connection);
    let store = Store::open(&Database::File(path.clone())).unwrap();
    let found = run(store
        .read(|store| Ok::<_, StoreError>(store.find_traces(&super::TraceFilter::default(), None, 10)?)));
    assert_eq!(found.unwrap().stored, 1_000);
    drop(store);
    assert_eq!(all_trace_facts(&path), written);
}

#[test]
fn trace_without_spans_is_deleted() {
    let store = Store::open(&Database::Memory).unwrap();
    let span = |trace: &str, id: &str| -> NewSpan {
        serde_json::from_value(json!({
            "name": "s", "kind": "", "start_time": 1, "end_time": 2, "attributes": {}, "resource": {},
            "context": { "trace_id": trace, "span_id": id, "trace_state": "" },
            "status": { "status_code": "StatusCode.OK" },
        }))
        .unwrap()
    };
    let spans = vec![span("a", "1"), span("a", "2"), span("b", "3")];
    run(store.write(|store| store.insert_spans(spans, SPANS).map_err(StoreError::from))).unwrap();
    for (delete, expected) in [(1, &[("a", 1), ("b", 1)][..]), (2, &[("b", 1)])] {
        let found = run(store.write(move |store| {
            store.connection.execute("DELETE FROM spans WHERE id = ?", [delete])?;
            Ok::<_, StoreError>(store.find_traces(&super::TraceFilter::default(), None, 10)?)
        }))
        .unwrap();
        let mut traces: Vec<_> =
            found.rows.iter().map(|row| (row.trace_id.as_deref().unwrap(), row.spans)).collect();
        traces.sort_unstable();
        assert_eq!((&*traces, found.stored), (expected, i64::try_from(expected.len()).unwrap()));
    }
}

#[test]
fn deleting_a_request_corrects_the_sums_of_its_trace() {
    let store = Store::open(&Database::Memory).unwrap();
    let span = |id: &str| {
        json!({
            "name": id, "kind": "", "context": { "trace_id": "t", "span_id": id, "trace_state": "" },
            "start_time": 1, "end_time": 2, "status": { "status_code": "StatusCode.OK" }, "attributes": {}, "resource": {},
            "log_request": {
                "provider": "custom", "model": "m", "input": {}, "output": {},
                "input_tokens": 10, "output_tokens": 5, "price": 0.5,
            },
        })
    };
    let spans = ["a", "b"].map(|id| serde_json::from_value::<NewSpan>(span(id)).unwrap()).into();
    let sums = |store: &Reader<'_>| {
        store.connection.query_row(
            "SELECT requests, input_tokens, output_tokens, price FROM trace_facts",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
    };
    run(async {
        store.write(move |store| Ok::<_, StoreError>(store.insert_spans(spans, SPANS)?)).await.unwrap();
        let both: (i64, i64, i64, f64) =
            store.read(move |store| Ok::<_, StoreError>(sums(store)?)).await.unwrap();
        assert_eq!(both, (2, 20, 10, 1.0));
        let delete = "DELETE FROM requests WHERE id = 1";
        store.write(move |store| Ok::<_, StoreError>(store.connection.execute(delete, [])?)).await.unwrap();
        let one: (i64, i64, i64, f64) =
            store.read(move |store| Ok::<_, StoreError>(sums(store)?)).await.unwrap();
        assert_eq!(one, (1, 10, 5, 0.5));
    });
}
