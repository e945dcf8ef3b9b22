//! The tables, and how an older database becomes one of today.

use rusqlite::Connection;

/// One step a version: a database at version `n` still needs the steps from `n` on. Steps are never edited once
/// released; a change is another step.
const STEPS: &[&str] = &[FIRST];

/// The schema version this program writes.
#[expect(clippy::cast_possible_wrap, reason = "a handful of steps")]
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// How bringing a database up to date ended.
pub(super) enum Migrated {
    Ready,
    TooNew { found: i64 },
}

/// Takes the steps the database has not taken yet, all or none of them.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<Migrated> {
    let transaction = connection.transaction()?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(missing) = usize::try_from(found).ok().and_then(|taken| STEPS.get(taken..)) else {
        return Ok(Migrated::TooNew { found });
    };
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(Migrated::Ready)
}

// Times are nanoseconds since 1970. JSON is text: SQLite's own functions read it where a query needs to.
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
