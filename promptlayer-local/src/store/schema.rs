//! The tables, and the migration of an older database to the current version.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::schema_templates::TEMPLATE_TABLES;
use super::schema_traces::TRACE_TABLES;
use super::{facts, trace_facts};

/// The migration steps, one for each version. A database at version `n` still needs the steps from index `n`
/// on. A released step is never edited; a change is a new step.
pub(super) const STEPS: &[Step] = &[
    Step::sql(FIRST),
    Step::sql(SECOND),
    Step { sql: THIRD, fill: Some(facts::write_missing) },
    Step::sql(TEMPLATE_TABLES),
    Step { sql: TRACE_TABLES, fill: Some(trace_facts::write_all) },
    Step::sql(RETENTION_AND_DELIVERIES),
    Step::sql(UNFINISHED_SPANS),
];

/// The block of a request, as an expression of its id: 16,384 requests. Tests have smaller ones.
#[cfg(not(test))]
macro_rules! block {
    () => {
        "request_id >> 14"
    };
}
#[cfg(test)]
macro_rules! block {
    () => {
        "request_id >> 6"
    };
}
pub(super) use block;

/// A migration step.
pub(super) struct Step {
    pub(super) sql: &'static str,
    /// Fills the new tables from the stored data, after the SQL.
    fill: Option<fn(&Connection) -> rusqlite::Result<()>>,
}

impl Step {
    const fn sql(sql: &'static str) -> Self {
        Self { sql, fill: None }
    }
}

/// The schema version that this program writes to `user_version`.
#[expect(clippy::cast_possible_wrap, reason = "a handful of steps")]
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// The application id in the file header that marks a file of this program: `PLLo` in ASCII.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"PLLo");

/// The schema version of files from before this program marked its files.
pub(super) const UNMARKED_VERSION: i64 = 1;

/// The tables of an unmarked file, sorted by name.
pub(super) const UNMARKED_TABLES: [&str; 13] = [
    "closed_traces",
    "external_ids",
    "group_members",
    "release_labels",
    "request_groups",
    "request_metadata",
    "request_tags",
    "requests",
    "scores",
    "spans",
    "template_tags",
    "template_versions",
    "templates",
];

/// The tables that later steps added.
const LATER_TABLES: [&str; 10] = [
    "awaited_spans",
    "deliveries",
    "indexed_requests",
    "names_of_traces",
    "request_counts",
    "request_facts",
    "request_texts",
    "span_names",
    "trace_counts",
    "trace_facts",
];

/// The reason why a database cannot be migrated.
pub(super) enum Refused {
    TooNew { found: i64 },
    Foreign(String),
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// Runs all missing migration steps in one transaction, and marks the database as one of this program.
pub(super) fn migrate(connection: &Connection) -> Result<(), Refused> {
    // A current database is not locked, so it can be opened while another program writes to it.
    if steps_missing(connection)?.is_empty() && application_id(connection)? == APPLICATION_ID {
        return check_tables(connection);
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    // The version is read again under the lock, because another server may have migrated the database in the
    // meantime.
    for step in steps_missing(&transaction)? {
        transaction.execute_batch(step.sql)?;
        if let Some(fill) = step.fill {
            fill(&transaction)?;
        }
    }
    match application_id(&transaction)? {
        0 | APPLICATION_ID => {}
        other => {
            return Err(Refused::Foreign(format!("its application id is {other:#010x}, of another program")));
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    check_tables(&transaction)?;
    transaction.commit()?;
    Ok(())
}

fn steps_missing(connection: &Connection) -> Result<&'static [Step], Refused> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    usize::try_from(found).ok().and_then(|taken| STEPS.get(taken..)).ok_or(Refused::TooNew { found })
}

fn application_id(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

/// Returns an error if a database of the current version lacks a table. All later queries would fail on it.
fn check_tables(connection: &Connection) -> Result<(), Refused> {
    let mut exists = connection
        .prepare("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?)")?;
    for table in UNMARKED_TABLES.into_iter().chain(LATER_TABLES) {
        if !exists.query_row([table], |row| row.get::<_, bool>(0))? {
            return Err(Refused::Foreign(format!("the table {table} is missing")));
        }
    }
    Ok(())
}

// Old spans are found by their time, and what belongs to a deleted request by the request. `deliveries` holds the last row that each server that data is sent to has
// acknowledged.
const RETENTION_AND_DELIVERIES: &str = "
CREATE INDEX spans_by_time ON spans (start_ns);
CREATE INDEX awaited_span_of_a_request ON awaited_spans (request_id);
CREATE TABLE deliveries (
    target TEXT PRIMARY KEY,
    last_span INTEGER NOT NULL,
    last_request INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

// A span that has not ended is replaced when it arrives again. Few spans are unfinished, so the index is small.
const UNFINISHED_SPANS: &str = "
ALTER TABLE spans ADD COLUMN unfinished INTEGER NOT NULL DEFAULT 0;
CREATE INDEX unfinished_spans ON spans (trace_id, span_id) WHERE unfinished = 1;
";

// What the list shows, filters and sorts by, one narrow row for each request: the row of a request log can hold
// many megabytes, and SQLite reads a row from its beginning. `store::facts` writes these rows.
//
// Numbers and values of metadata come in no order, so an index of all of them would change, for each request, a page
// that was not changed for long and must be read and written. These indexes therefore have a part for each block of
// requests with successive ids. A search reads each part: the parts are few, and the one that changes is small.
//
// The texts of requests are indexed for searching. `request_texts` stores only the index (`content = ''`), and not
// the positions of words (`detail = column`): both make it smaller and faster to write. Requests are indexed in
// groups after they were stored, so `indexed_requests` holds the id of the last one that is in the index.
const THIRD: &str = concat!("
DROP TRIGGER request_is_added;
DROP TRIGGER request_is_removed;
DROP TABLE request_summaries;

CREATE TABLE request_facts (
    request_id INTEGER PRIMARY KEY REFERENCES requests (id) ON DELETE CASCADE,
    start_ns INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL,
    first_token_ns INTEGER,
    name TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    status TEXT NOT NULL,
    error_type TEXT,
    prompt_name TEXT,
    prompt_version INTEGER,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    cached_tokens INTEGER,
    reasoning_tokens INTEGER,
    price REAL NOT NULL,
    price_is_estimate INTEGER NOT NULL,
    output_kind TEXT NOT NULL,
    input_preview TEXT NOT NULL,
    output_preview TEXT NOT NULL
) STRICT;
CREATE INDEX facts_by_time ON request_facts (start_ns);
CREATE INDEX facts_by_duration ON request_facts (", block!(), ", duration_ns);
CREATE INDEX facts_by_price ON request_facts (", block!(), ", price);
CREATE INDEX facts_by_tokens ON request_facts (", block!(), ", tokens);
CREATE INDEX facts_by_input_tokens ON request_facts (", block!(), ", input_tokens);
CREATE INDEX facts_by_output_tokens ON request_facts (", block!(), ", output_tokens);
CREATE INDEX facts_by_name ON request_facts (name, start_ns);
CREATE INDEX facts_by_model ON request_facts (model, start_ns);
CREATE INDEX facts_by_provider ON request_facts (provider, start_ns);
CREATE INDEX facts_by_status ON request_facts (status, start_ns);
CREATE INDEX facts_by_error ON request_facts (error_type, start_ns) WHERE error_type IS NOT NULL;
CREATE INDEX facts_by_prompt ON request_facts (prompt_name, start_ns) WHERE prompt_name IS NOT NULL;
CREATE INDEX metadata_by_value ON request_metadata (", block!(), ", key, substr(value, 1, 200));
CREATE INDEX scores_by_value ON scores (name, score, request_id);
CREATE INDEX members_of_a_group ON group_members (group_id, request_id);

CREATE VIRTUAL TABLE request_texts USING fts5 (
    input, output, content = '', contentless_delete = 1, detail = column, tokenize = 'unicode61 remove_diacritics 2'
);
-- Segments are merged when there are eight alike. With the default, four, each word is written more often.
INSERT INTO request_texts (request_texts, rank) VALUES ('automerge', 8);
CREATE TABLE indexed_requests (last_id INTEGER NOT NULL) STRICT;
INSERT INTO indexed_requests VALUES (0);

CREATE TRIGGER request_is_counted AFTER INSERT ON requests BEGIN
    UPDATE request_counts SET requests = requests + 1;
END;
CREATE TRIGGER request_is_removed AFTER DELETE ON requests BEGIN
    UPDATE request_counts SET requests = requests - 1;
    DELETE FROM request_texts WHERE rowid = old.id AND old.id <= (SELECT last_id FROM indexed_requests);
END;
");

// The third step replaces the table and the triggers, except for the count.
const SECOND: &str = "
CREATE TABLE request_summaries (
    start_ns INTEGER NOT NULL,
    request_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (start_ns, request_id)
) STRICT, WITHOUT ROWID;
INSERT INTO request_summaries
    SELECT requests.start_ns, requests.id, substr(coalesce(nullif(function_name, ''), spans.name, ''), 1, 201),
        substr(model, 1, 201), input_tokens, output_tokens, substr(requests.status, 1, 201)
    FROM requests LEFT JOIN spans ON spans.id = requests.span_row;

CREATE TABLE request_counts (requests INTEGER NOT NULL) STRICT;
INSERT INTO request_counts SELECT count(*) FROM requests;

CREATE TRIGGER request_is_added AFTER INSERT ON requests BEGIN
    INSERT INTO request_summaries VALUES (new.start_ns, new.id,
        substr(coalesce(nullif(new.function_name, ''), (SELECT name FROM spans WHERE id = new.span_row), ''), 1, 201),
        substr(new.model, 1, 201), new.input_tokens, new.output_tokens, substr(new.status, 1, 201));
    UPDATE request_counts SET requests = requests + 1;
END;
CREATE TRIGGER request_is_removed AFTER DELETE ON requests BEGIN
    DELETE FROM request_summaries WHERE start_ns = old.start_ns AND request_id = old.id;
    UPDATE request_counts SET requests = requests - 1;
END;

DROP INDEX requests_by_time;
";

// Times are in nanoseconds since 1970. JSON is stored as text.
const FIRST: &str = "
CREATE TABLE spans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    parent_id TEXT,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    status_code TEXT NOT NULL,
    status_description TEXT,
    trace_state TEXT NOT NULL,
    attributes TEXT NOT NULL,
    events TEXT NOT NULL,
    links TEXT NOT NULL,
    resource TEXT NOT NULL
) STRICT;
CREATE INDEX spans_of_a_trace ON spans (trace_id, start_ns, id);

CREATE TABLE closed_traces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trace_id TEXT NOT NULL UNIQUE,
    closed_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    span_row INTEGER UNIQUE REFERENCES spans (id) ON DELETE SET NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    api_type TEXT,
    function_name TEXT NOT NULL,
    input TEXT NOT NULL,
    output TEXT NOT NULL,
    parameters TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    price REAL NOT NULL,
    status TEXT NOT NULL,
    error_type TEXT,
    error_message TEXT,
    prompt_name TEXT,
    prompt_id INTEGER,
    prompt_version INTEGER,
    prompt_variables TEXT NOT NULL
) STRICT;
CREATE INDEX requests_by_time ON requests (start_ns DESC, id DESC);

CREATE TABLE request_tags (
    request_id INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (request_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_of_a_tag ON request_tags (tag, request_id);

CREATE TABLE request_metadata (
    request_id INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (request_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE scores (
    request_id INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    score INTEGER NOT NULL,
    PRIMARY KEY (request_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE request_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE group_members (
    request_id INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    group_id INTEGER NOT NULL REFERENCES request_groups (id) ON DELETE CASCADE,
    PRIMARY KEY (request_id, group_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE templates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_ns INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE template_tags (
    template_id INTEGER NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (template_id, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE template_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    template_id INTEGER NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    metadata TEXT NOT NULL,
    commit_message TEXT,
    created_ns INTEGER NOT NULL,
    UNIQUE (template_id, number)
) STRICT;

CREATE TABLE release_labels (
    template_id INTEGER NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version_id INTEGER NOT NULL REFERENCES template_versions (id) ON DELETE CASCADE,
    PRIMARY KEY (template_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE external_ids (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    template_id INTEGER NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    PRIMARY KEY (source, external_id)
) STRICT, WITHOUT ROWID;
";
