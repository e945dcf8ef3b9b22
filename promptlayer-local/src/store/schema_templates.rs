//! The migration step for ids of release labels and for requests whose spans arrive later.

/// Gives release labels an id and a time.
///
/// A client logs a request with the id of its span, and sends the span later. `awaited_spans` holds the span until
/// then. The request log of the same span can also be part of the span; that one then keeps the span.
pub(super) const TEMPLATE_TABLES: &str = "
CREATE TABLE release_labels_with_ids (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    template_id INTEGER NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version_id INTEGER NOT NULL REFERENCES template_versions (id) ON DELETE CASCADE,
    created_ns INTEGER NOT NULL,
    UNIQUE (template_id, name)
) STRICT;
INSERT INTO release_labels_with_ids (template_id, name, version_id, created_ns)
    SELECT release_labels.template_id, name, version_id, template_versions.created_ns
    FROM release_labels JOIN template_versions ON template_versions.id = version_id
    ORDER BY release_labels.template_id, name;
DROP TABLE release_labels;
ALTER TABLE release_labels_with_ids RENAME TO release_labels;

CREATE TABLE awaited_spans (
    span_id TEXT PRIMARY KEY,
    request_id INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TRIGGER awaited_span_arrives AFTER INSERT ON spans
WHEN EXISTS (SELECT 1 FROM awaited_spans WHERE span_id = new.span_id) BEGIN
    UPDATE requests SET span_row = new.id
        WHERE id = (SELECT request_id FROM awaited_spans WHERE span_id = new.span_id) AND span_row IS NULL;
    DELETE FROM awaited_spans WHERE span_id = new.span_id;
END;
CREATE TRIGGER request_of_span_is_added BEFORE INSERT ON requests WHEN new.span_row IS NOT NULL BEGIN
    UPDATE requests SET span_row = NULL WHERE span_row = new.span_row;
END;
";
