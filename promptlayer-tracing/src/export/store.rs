//! The spool as the pipeline holds it: its files behind one lock, and how many records wait there.

mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use self::settings::{SpoolMode, SpoolSettings};
use super::content::Content;
use super::spool::{
    Given, LeftAlone, Record, RecordId, RecordKind, Selection, Spool, SpoolError, SpoolLimits, Tally,
};

use crate::error::{Error, Repr};
use crate::hook::OwnHook;
use promptlayer_client::exporter::LOG_REQUEST_PATH;

/// What is behind the lock.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) spool: Spool,
    /// Given already, but with no place in the batch before it.
    pub(crate) held: BTreeMap<Selection, Given>,
    /// The hooks of functions whose requests wait here.
    pub(crate) own_hooks: BTreeMap<RecordId, OwnHook>,
    /// When what was put back is given again.
    pub(crate) rewind_at: Option<Instant>,
}

/// The spool of a pipeline.
///
/// What is put there or taken out is entered in the ledger before the lock is given up, so that whoever
/// finds a record finds it entered.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    files: Mutex<Files>,
    mode: SpoolMode,
    pub(crate) max_age: Duration,
    pub(crate) opened_at: Instant,
    /// What was there when it was opened, and is not given.
    left: LeftAlone,
    /// Records for which somebody may wait, in the order in which they were put there. Locked last of all.
    open: Mutex<BTreeSet<RecordId>>,
}

impl Store {
    /// Opens the folder for a destination, which `destination` stands for as a hash. Also returns how many spans and
    /// tracking calls earlier runs have left for it.
    pub(crate) fn open(settings: &SpoolSettings, destination: &str) -> Result<(Self, Tally), Error> {
        let limits =
            SpoolLimits { bytes: settings.bytes, max_age: settings.max_age, ..SpoolLimits::default() };
        let (spool, recovered) = Spool::open(&settings.path, destination, limits).map_err(failed)?;
        let found = recovered.records;
        let open = spool.waiting().collect();
        let store = Self {
            path: spool.root().to_owned(),
            files: Mutex::new(Files {
                spool,
                held: BTreeMap::new(),
                own_hooks: BTreeMap::new(),
                rewind_at: None,
            }),
            mode: settings.mode,
            max_age: settings.max_age,
            opened_at: Instant::now(),
            left: recovered.left,
            open: Mutex::new(open),
        };
        Ok((store, found))
    }

    pub(crate) fn mode(&self) -> SpoolMode {
        self.mode
    }

    /// Files and parts of files that could not be read when it was opened.
    pub(crate) fn set_aside(&self) -> u64 {
        self.left.set_aside
    }

    /// What was there when it was opened, and why it is not sent.
    pub(crate) fn trouble(&self) -> Option<Error> {
        let trouble = || failed(SpoolError::LeftAlone { path: self.path.clone(), left: self.left });
        (!self.left.is_empty()).then(trouble)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a record for which somebody may wait.
    pub(crate) fn enter(&self, id: RecordId) {
        self.opened().insert(id);
    }

    /// Nobody waits for a record any more.
    pub(crate) fn leave(&self, id: RecordId) {
        self.opened().remove(&id);
    }

    /// Nobody waits for those any more that are not kept.
    pub(crate) fn leave_unless(&self, is_kept: impl Fn(RecordId) -> bool) {
        self.opened().retain(|id| is_kept(*id));
    }

    /// The last of those for which somebody may wait.
    pub(crate) fn last_open(&self) -> Option<RecordId> {
        self.opened().last().copied()
    }

    /// Whether nobody waits for this record, and those before it, any more.
    pub(crate) fn is_settled_to(&self, last: Option<RecordId>) -> bool {
        last.is_none_or(|last| self.opened().first().is_none_or(|first| *first > last))
    }

    fn opened(&self) -> MutexGuard<'_, BTreeSet<RecordId>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that is to be put on disk.
pub(crate) struct Entry<'a> {
    pub(crate) content: &'a Content,
    pub(crate) bytes: &'a [u8],
    pub(crate) accepted_at: Instant,
    /// Whether it was sent, and nobody knows whether it arrived.
    pub(crate) is_in_doubt: bool,
}

impl Entry<'_> {
    pub(crate) fn record(&self) -> Record {
        let (kind, key) = match self.content {
            Content::Span { .. } => (RecordKind::Span, ""),
            Content::Log { .. } => (RecordKind::Span, LOG_REQUEST_PATH),
            Content::Track { path } => (RecordKind::Track, path.as_str()),
        };
        Record {
            kind,
            is_of_hook: self.content.note().is_some_and(|note| note.is_of_hook),
            is_in_doubt: self.is_in_doubt,
            key: key.into(),
            body: self.bytes.into(),
        }
    }
}

/// What the pipeline says of that.
pub(crate) fn failed(error: SpoolError) -> Error {
    Repr::Spool { source: Box::new(error) }.into()
}
