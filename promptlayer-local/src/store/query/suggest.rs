//! The values that exist, for suggestions.

use rusqlite::{OptionalExtension, params_from_iter};

use super::filter::{Filter, Member, Sql, TextField, TextTest};
use crate::store::{Reader, integer};

impl Reader<'_> {
    /// Returns the first values of a field, in alphabetical order, that begin with a text.
    ///
    /// Reads one row for each value, however many requests have it.
    pub(crate) fn texts(
        &self,
        field: TextField,
        prefix: &str,
        limit: usize,
    ) -> rusqlite::Result<Vec<String>> {
        match field.index() {
            Some(index) => self.distinct("request_facts", index, field.column(), prefix, limit),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the first tags, in alphabetical order, that begin with a text.
    pub(crate) fn tags(&self, prefix: &str, limit: usize) -> rusqlite::Result<Vec<String>> {
        self.distinct("request_tags", "requests_of_a_tag", "tag", prefix, limit)
    }

    /// Returns the values of a field of the requests that fulfill the conditions, in alphabetical order, that begin with
    /// a text. Upper and lower case make no difference.
    pub(crate) fn text_values(
        &self,
        field: TextField,
        prefix: &str,
        filters: &[Filter],
        limit: usize,
    ) -> rusqlite::Result<Vec<String>> {
        if prefix.is_empty() && filters.is_empty() {
            return self.texts(field, prefix, limit);
        }
        let column = format!("f.{}", field.column());
        self.values(&column, Sql::default(), prefix, filters, limit)
    }

    /// Returns the ids of the templates that the requests were made from.
    pub(crate) fn prompt_ids(
        &self,
        prefix: &str,
        filters: &[Filter],
        limit: usize,
    ) -> rusqlite::Result<Vec<String>> {
        let requests = Sql::new(" JOIN requests AS m ON m.id = f.request_id");
        self.values("CAST(m.prompt_id AS TEXT)", requests, prefix, filters, limit)
    }

    /// Returns the entries of a list, like [`text_values`](Self::text_values).
    pub(crate) fn member_values(
        &self,
        member: &Member,
        prefix: &str,
        filters: &[Filter],
        limit: usize,
    ) -> rusqlite::Result<Vec<String>> {
        if prefix.is_empty() && filters.is_empty() && *member == Member::Tag {
            return self.tags(prefix, limit);
        }
        let (column, rows) = member.rows_of_each_request();
        self.values(column, rows, prefix, filters, limit)
    }

    fn values(
        &self,
        column: &str,
        rows: Sql,
        prefix: &str,
        filters: &[Filter],
        limit: usize,
    ) -> rusqlite::Result<Vec<String>> {
        let mut sql = Sql::new("SELECT DISTINCT CAST(");
        sql.push(column).push(" AS TEXT) FROM ").append(self.source(filters)?).append(rows);
        sql.push(" WHERE ")
            .join(filters, "AND")
            .push(" AND ")
            .test(column, &TextTest::StartsWith(prefix.to_owned()));
        sql.push(" AND ").push(column).push(" <> '' ORDER BY 1 LIMIT ").value(integer(limit));
        self.connection
            .prepare(&sql.text)?
            .query_map(params_from_iter(sql.values), |row| row.get(0))?
            .collect()
    }

    fn distinct(
        &self,
        table: &str,
        index: &str,
        column: &str,
        prefix: &str,
        limit: usize,
    ) -> rusqlite::Result<Vec<String>> {
        let next = |comparison: &str| {
            format!(
                "SELECT {column} FROM {table} INDEXED BY {index} WHERE {column} {comparison} AND {column} IS NOT NULL
                 ORDER BY {column} LIMIT 1"
            )
        };
        let (mut first, mut later) =
            (self.connection.prepare(&next(">= ?"))?, self.connection.prepare(&next("> ?"))?);
        let mut values: Vec<String> = Vec::new();
        while values.len() < limit {
            let next: Option<String> = match values.last() {
                None => first.query_row([prefix], |row| row.get(0)),
                Some(last) => later.query_row([last], |row| row.get(0)),
            }
            .optional()?;
            match next {
                Some(value) if value.starts_with(prefix) => values.push(value),
                _ => break,
            }
        }
        values.retain(|value| !value.is_empty());
        Ok(values)
    }
}
