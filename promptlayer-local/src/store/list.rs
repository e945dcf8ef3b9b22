//! The list of requests, one page at a time, newest first.
//!
//! A page is found by a key and not by a page number. SQLite seeks to the key in the order of
//! `request_summaries`, so every page costs the same. The rows after a key stay the same when new requests
//! arrive.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rusqlite::Row;

use super::schema::SUMMARY_CHARACTERS;
use super::{Reader, integer};
use crate::timestamp::Timestamp;

/// The number of tags, and of scores, that the list reads for a request: one more than it shows.
const MOST_TAGS: i64 = 9;

/// A position between two requests of the list. The requests before it are older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PageKey {
    start_ns: i64,
    id: i64,
}

/// The fields of a request log that the list shows. Texts are cut to [`SUMMARY_CHARACTERS`].
#[derive(Debug)]
pub(crate) struct RequestRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) start: Timestamp,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) status: String,
    /// The first tags of the request.
    pub(crate) tags: Vec<String>,
    pub(crate) scores: BTreeMap<String, i64>,
}

/// A page of the list, with the keys of the other pages.
#[derive(Debug)]
pub(crate) struct RequestPage {
    pub(crate) rows: Vec<RequestRow>,
    /// The number of all requests.
    pub(crate) total: i64,
    /// `true` if there are requests newer than this page.
    pub(crate) has_newer: bool,
    /// The page with the next newer requests. `None` if that is the newest page or if there is no such page.
    pub(crate) newer: Option<PageKey>,
    /// The page with the next older requests.
    pub(crate) older: Option<PageKey>,
    /// The page with the oldest requests. `None` if it is this page.
    pub(crate) oldest: Option<PageKey>,
}

impl RequestRow {
    /// Returns the key of the page that begins with this row.
    pub(crate) fn key_including(&self) -> PageKey {
        PageKey { start_ns: self.start.nanoseconds(), id: self.id.saturating_add(1) }
    }

    fn key(&self) -> PageKey {
        PageKey { start_ns: self.start.nanoseconds(), id: self.id }
    }
}

impl PageKey {
    /// The key after all requests: every request is older.
    const END: Self = Self { start_ns: i64::MAX, id: i64::MAX };

    /// Returns the latest possible start time of the requests before this key.
    pub(crate) fn timestamp(self) -> Timestamp {
        Timestamp::from_nanoseconds(self.start_ns)
    }
}

impl fmt::Display for PageKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}_{}", self.start_ns, self.id)
    }
}

impl FromStr for PageKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (start_ns, id) = text.split_once('_').ok_or(())?;
        Ok(Self { start_ns: start_ns.parse().map_err(|_| ())?, id: id.parse().map_err(|_| ())? })
    }
}

impl Reader<'_> {
    /// Returns the newest requests before a key, or the newest of all.
    pub(crate) fn list_requests(
        &self,
        before: Option<PageKey>,
        limit: usize,
    ) -> rusqlite::Result<RequestPage> {
        let end = before.unwrap_or(PageKey::END);
        let mut rows: Vec<RequestRow> = self
            .connection
            .prepare(
                "SELECT * FROM request_summaries WHERE (start_ns, request_id) < (?1, ?2)
                 ORDER BY start_ns DESC, request_id DESC LIMIT ?3",
            )?
            .query_map([end.start_ns, end.id, integer(limit.saturating_add(1))], read_row)?
            .collect::<rusqlite::Result<_>>()?;
        let has_older = rows.len() > limit;
        rows.truncate(limit);
        self.add_tags_and_scores(&mut rows)?;

        let newer = match before {
            Some(key) => self.keys_from(key, limit)?,
            None => Vec::new(),
        };
        let first = PageKey { start_ns: i64::MIN, id: i64::MIN };
        let oldest = if has_older || rows.is_empty() { self.keys_from(first, limit)? } else { Vec::new() };
        Ok(RequestPage {
            total: self.connection.query_row("SELECT requests FROM request_counts", [], |row| row.get(0))?,
            has_newer: !newer.is_empty(),
            newer: newer.get(limit).copied(),
            older: rows.last().filter(|_| has_older).map(RequestRow::key),
            oldest: oldest.get(limit).copied(),
            rows,
        })
    }

    /// Returns the keys of the next requests at or after a key, oldest first: at most one more than a page
    /// has.
    fn keys_from(&self, key: PageKey, limit: usize) -> rusqlite::Result<Vec<PageKey>> {
        self.connection
            .prepare(
                "SELECT start_ns, request_id FROM request_summaries WHERE (start_ns, request_id) >= (?1, ?2)
                 ORDER BY start_ns, request_id LIMIT ?3",
            )?
            .query_map([key.start_ns, key.id, integer(limit.saturating_add(1))], |row| {
                Ok(PageKey { start_ns: row.get(0)?, id: row.get(1)? })
            })?
            .collect()
    }

    fn add_tags_and_scores(&self, rows: &mut [RequestRow]) -> rusqlite::Result<()> {
        let characters = integer(SUMMARY_CHARACTERS);
        let mut tags = self.connection.prepare(
            "SELECT substr(tag, 1, ?2) FROM request_tags WHERE request_id = ?1 ORDER BY position LIMIT ?3",
        )?;
        let mut scores = self.connection.prepare(
            "SELECT substr(name, 1, ?2), score FROM scores WHERE request_id = ?1 ORDER BY name LIMIT ?3",
        )?;
        for row in rows {
            let parameters = [row.id, characters, MOST_TAGS];
            row.tags = tags.query_map(parameters, |tag| tag.get(0))?.collect::<rusqlite::Result<_>>()?;
            row.scores = scores
                .query_map(parameters, |score| Ok((score.get(0)?, score.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
        }
        Ok(())
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    Ok(RequestRow {
        id: row.get("request_id")?,
        name: row.get("name")?,
        model: row.get("model")?,
        start: Timestamp::from_nanoseconds(row.get("start_ns")?),
        input_tokens: row.get("input_tokens")?,
        output_tokens: row.get("output_tokens")?,
        status: row.get("status")?,
        tags: Vec::new(),
        scores: BTreeMap::new(),
    })
}
