//! The index of the texts of requests.
//!
//! A request is indexed after it was stored, together with the requests around it, because a group of requests takes
//! less time than each of them alone. A search therefore indexes the rest first.

use rusqlite::{Connection, params};

use super::pool::Caller;
use super::{Reader, Store, StoreError, WRITER_CACHE, Writer, count_of, integer, preview};
use crate::memory;

/// The number of requests that one transaction indexes. Other writes wait meanwhile, about 150 milliseconds.
const GROUP: usize = 2_000;

/// The maximum number of requests that a search indexes first.
const MOST_BEFORE_SEARCH: usize = 5_000;

/// A group of requests that was indexed.
struct Indexed {
    requests: usize,
    /// `true` if a text was so long that only its beginning is in the index.
    has_long_text: bool,
}

impl Store {
    /// Indexes all requests that are not in the index yet.
    pub(crate) async fn index_texts(&self) -> Result<(), StoreError> {
        loop {
            let group = self.index_group().await?;
            if group.has_long_text {
                memory::give_back();
            }
            if group.requests < GROUP {
                break;
            }
        }
        // The file has grown.
        let adapt =
            |connection: &mut Connection, _: &Caller| Ok::<_, StoreError>(WRITER_CACHE.adapt(connection)?);
        self.0.writer.run(adapt).await
    }

    /// Indexes the requests that a search has to find: all, or the oldest 5,000 of those that are not in the index.
    pub(crate) async fn prepare_search(&self) -> Result<(), StoreError> {
        let mut left =
            MOST_BEFORE_SEARCH.min(self.read(|store| Ok::<_, StoreError>(store.unindexed()?)).await?);
        while left > 0 {
            let indexed = self.index_group().await?.requests;
            if indexed < GROUP {
                break;
            }
            left = left.saturating_sub(indexed);
        }
        Ok(())
    }

    async fn index_group(&self) -> Result<Indexed, StoreError> {
        self.change(|store| Ok::<_, StoreError>(store.index_texts(GROUP)?)).await
    }
}

impl Reader<'_> {
    /// Returns the number of requests that are not in the index yet.
    pub(crate) fn unindexed(&self) -> rusqlite::Result<usize> {
        self.connection.query_row(
            "SELECT count(*) FROM requests WHERE id > (SELECT last_id FROM indexed_requests)",
            [],
            |row| count_of(row, 0),
        )
    }
}

impl Writer<'_> {
    /// Indexes the next requests, at most this number.
    fn index_texts(&self, most: usize) -> rusqlite::Result<Indexed> {
        let mut requests = self.connection.prepare(
            "SELECT id, iif(octet_length(input) <= ?2, input, NULL), iif(octet_length(output) <= ?2, output, NULL),
                 error_message FROM requests
             WHERE id > (SELECT last_id FROM indexed_requests) ORDER BY id LIMIT ?1",
        )?;
        let mut insert =
            self.connection.prepare("INSERT INTO request_texts (rowid, input, output) VALUES (?, ?, ?)")?;
        let mut rows = requests.query([integer(most), integer(preview::SEARCHED)])?;
        let (mut indexed, mut last) = (Indexed { requests: 0, has_long_text: false }, None);
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let mut text = |column: usize, name: &str| match row.get_ref(column)?.as_str_or_null()? {
                Some(json) => Ok(preview::searched(json)),
                None => {
                    indexed.has_long_text = true;
                    self.beginning(id, name).map(|json| preview::searched_beginning(&json))
                }
            };
            let input = text(1, "input")?;
            let mut output = text(2, "output")?;
            if let Some(error) = row.get_ref(3)?.as_str_or_null()? {
                preview::append(&mut output, error);
            }
            insert.execute(params![id, input, output])?;
            last = Some(id);
            indexed.requests += 1;
        }
        if let Some(last) = last {
            self.connection.execute("UPDATE indexed_requests SET last_id = ?", [last])?;
        }
        Ok(indexed)
    }

    /// Reads the beginning of a long column, without its rest.
    fn beginning(&self, request: i64, column: &str) -> rusqlite::Result<Vec<u8>> {
        let value = self.connection.blob_open("main", "requests", column, request, true)?;
        let mut bytes = vec![0; value.len().min(preview::SEARCHED)];
        value.read_at_exact(&mut bytes, 0)?;
        Ok(bytes)
    }
}
