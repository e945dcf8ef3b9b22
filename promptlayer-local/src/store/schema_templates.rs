//! The migration step for ids of release labels.

/// Gives release labels an id and a time.
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
";
