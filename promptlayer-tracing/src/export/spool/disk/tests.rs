//! Tests of the guarantees of the spool.

mod ages;
mod crashes;
mod damage;
mod deleted;
mod destinations;
mod forked;
mod full_disk;
#[cfg(unix)]
mod irregular;
mod keeping;
mod limits;
mod sent;
mod sharing;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use tokio::time::Instant;

use super::clock::Clock;
use super::marks::MARKS;
use super::segment::RECORDS;
use super::{
    Given, LeftAlone, Lost, Record, RecordId, RecordKind, Recovered, Selection, Spool, SpoolError,
    SpoolLimits, Tally,
};

/// Limits with space for all records, and segments that a hundred small records do not fill.
const ROOMY: SpoolLimits =
    SpoolLimits { bytes: 8 << 20, segment_bytes: 1 << 20, max_age: SpoolLimits::DEFAULT_MAX_AGE };

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The destination of the spools in these tests.
const DESTINATION: &str = "0123456789abcdef";

/// Returns the path of a spool that does not exist yet, and the temporary folder around it.
fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("spool");
    (folder, path)
}

fn open(path: &Path) -> (Spool, Recovered) {
    open_with(path, ROOMY).unwrap()
}

fn open_with(path: impl AsRef<Path>, limits: SpoolLimits) -> Result<(Spool, Recovered), SpoolError> {
    Spool::open(path, DESTINATION, &[], limits)
}

/// Returns the folder of the destination.
fn home(path: &Path) -> PathBuf {
    super::directory::home(path, DESTINATION)
}

/// Returns a span whose body is a number.
fn record(number: u64) -> Record {
    Record {
        kind: RecordKind::Span,
        is_of_hook: false,
        is_ambiguous: false,
        key: "".into(),
        body: number.to_string().into_bytes().into(),
    }
}

impl Spool {
    /// Returns the oldest record that was not read yet, of any kind.
    fn next(&mut self) -> Result<Option<(RecordId, Record)>, SpoolError> {
        let oldest = |spool: &Self| spool.waiting().next();
        let Some(oldest) = oldest(self) else { return Ok(None) };
        let entry = self.segments[self.position(oldest.segment).unwrap()].entry(oldest.index);
        let given = self.next_of(Selection {
            kind: entry.kind,
            is_adopted: oldest.segment < self.adopted,
            may_have_been_sent: entry.may_have_been_sent,
        });
        match given? {
            Some(given) => Ok(Some((given.id, given.record))),
            // The record was lost.
            None => self.next(),
        }
    }

    /// Returns the next record of this process, spans first.
    fn next_new(&mut self, may_have_been_sent: bool) -> Result<Option<Given>, SpoolError> {
        self.next_of_any_kind(false, may_have_been_sent)
    }

    /// Returns the next record of earlier processes, spans first.
    fn next_backlog(&mut self, may_have_been_sent: bool) -> Result<Option<Given>, SpoolError> {
        self.next_of_any_kind(true, may_have_been_sent)
    }

    fn next_of_any_kind(
        &mut self,
        is_adopted: bool,
        may_have_been_sent: bool,
    ) -> Result<Option<Given>, SpoolError> {
        for kind in [RecordKind::Span, RecordKind::Track] {
            if let Some(given) = self.next_of(Selection { kind, is_adopted, may_have_been_sent })? {
                return Ok(Some(given));
            }
        }
        Ok(None)
    }

    /// Appends a record that is accepted now.
    fn keep(&mut self, record: &Record) -> Result<RecordId, SpoolError> {
        self.append(record, Instant::now())
    }
}

/// Returns the number in a record.
fn number(record: &Record) -> u64 {
    std::str::from_utf8(&record.body).unwrap().parse().unwrap()
}

fn append(spool: &mut Spool, numbers: impl IntoIterator<Item = u64>) -> Vec<RecordId> {
    numbers.into_iter().map(|number| spool.keep(&record(number)).unwrap()).collect()
}

/// Returns the numbers of all records that are still to be read.
fn given(spool: &mut Spool) -> Vec<u64> {
    std::iter::from_fn(|| spool.next().unwrap()).map(|(_, record)| number(&record)).collect()
}

/// Opens the spool again, as another process would, and reads all records.
fn reopened(path: &Path) -> (Vec<u64>, Recovered) {
    let (mut spool, recovered) = open(path);
    (given(&mut spool), recovered)
}

fn spans(spans: u64) -> Tally {
    Tally { spans, tracks: 0 }
}

/// Returns the result of an opening that left alone only quarantined files.
fn found(records: Tally, set_aside: u64) -> Recovered {
    Recovered { records, left: LeftAlone { set_aside, ..LeftAlone::default() } }
}

/// Returns the files of a kind in all directories, ordered by path.
fn files(path: &Path, kind: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(home(path))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .flat_map(|path| fs::read_dir(path).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == kind))
        .collect();
    files.sort();
    files
}

/// Returns the only segment.
fn only_segment(path: &Path) -> PathBuf {
    let [segment] = <[PathBuf; 1]>::try_from(files(path, RECORDS)).unwrap();
    segment
}

/// Returns the contents of the quarantined files.
fn set_aside(path: &Path) -> Vec<Vec<u8>> {
    fs::read_dir(path.join("set-aside"))
        .into_iter()
        .flatten()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect()
}
