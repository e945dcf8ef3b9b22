//! The migration step for the list of traces.

/// Adds the values that the list of traces shows and filters by, one row for each trace. `trace_facts` writes these
/// rows.
///
/// `names_of_traces` has each name of a span once for each trace. Many traces have the same names, so a part of a name
/// is looked for among the few texts of `span_names`. A trigger deletes its rows, because a foreign key would look up
/// two rows for each new one.
pub(super) const TRACE_TABLES: &str = "
CREATE TABLE trace_facts (
    id INTEGER PRIMARY KEY,
    trace_id TEXT NOT NULL UNIQUE,
    root_has_parent INTEGER NOT NULL,
    root_start_ns INTEGER NOT NULL,
    name TEXT NOT NULL,
    service TEXT NOT NULL,
    root_failed INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    price REAL NOT NULL,
    price_is_estimate INTEGER NOT NULL
) STRICT;
CREATE INDEX traces_by_time ON trace_facts (start_ns);
CREATE INDEX traces_with_errors ON trace_facts (start_ns) WHERE errors > 0;

CREATE TABLE span_names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE names_of_traces (
    trace INTEGER NOT NULL,
    name INTEGER NOT NULL,
    PRIMARY KEY (trace, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX traces_of_a_name ON names_of_traces (name, trace);

CREATE TABLE trace_counts (traces INTEGER NOT NULL) STRICT;
INSERT INTO trace_counts VALUES (0);
CREATE TRIGGER trace_is_counted AFTER INSERT ON trace_facts BEGIN
    UPDATE trace_counts SET traces = traces + 1;
END;
CREATE TRIGGER trace_is_removed AFTER DELETE ON trace_facts BEGIN
    UPDATE trace_counts SET traces = traces - 1;
    DELETE FROM names_of_traces WHERE trace = old.id;
END;
CREATE TRIGGER request_of_trace_is_removed BEFORE DELETE ON requests WHEN old.span_row IS NOT NULL BEGIN
    UPDATE trace_facts SET requests = requests - 1, input_tokens = input_tokens - old.input_tokens,
        output_tokens = output_tokens - old.output_tokens,
        price = max(0, price - coalesce((SELECT price FROM request_facts WHERE request_id = old.id), 0))
        WHERE trace_id = (SELECT trace_id FROM spans WHERE id = old.span_row);
END;
CREATE TRIGGER span_is_removed AFTER DELETE ON spans BEGIN
    UPDATE trace_facts SET spans = spans - 1, errors = errors - (old.status_code = 'StatusCode.ERROR')
        WHERE trace_id = old.trace_id;
    DELETE FROM trace_facts WHERE trace_id = old.trace_id AND spans <= 0;
END;
";
