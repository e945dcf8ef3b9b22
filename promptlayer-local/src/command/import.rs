//! `import`: stores what `export` wrote.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;

use super::terminal::note;
use super::{DatabaseOptions, Failure, runtime};
use crate::Database;
use crate::store::transfer::{Import, ImportError, Record};
use crate::store::{Store, StoreError};

/// The number of lines that are stored together: all of them or none.
const GROUP: usize = 200;

#[derive(Args)]
pub(super) struct Options {
    /// File to read, or - for standard input
    file: PathBuf,

    #[command(flatten)]
    database: DatabaseOptions,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let is_standard_input = options.file == Path::new("-");
    let open = || {
        File::open(&options.file).map_err(|error| format!("cannot read {}: {error}", options.file.display()))
    };
    let mut total = 0;
    if !is_standard_input {
        // A file is checked first, so that a broken line stores nothing.
        for (number, line) in (1_u64..).zip(BufReader::new(open()?).split(b'\n')) {
            parse(number, &line?)?;
            total = number;
        }
    }
    let input: Box<dyn BufRead> =
        if is_standard_input { Box::new(io::stdin().lock()) } else { Box::new(BufReader::new(open()?)) };

    let store = Store::open(&Database::File(options.database.database.clone()))?;
    let runtime = runtime()?;
    let mut import =
        runtime.block_on(store.read(|store| Import::new(store).map_err(StoreError::from))).map_err(text)?;
    let bar = if total > 0 { ProgressBar::new(total) } else { ProgressBar::new_spinner() };
    let (mut requests, mut spans) = (0_u64, 0_u64);
    let mut lines = (1_u64..).zip(input.split(b'\n'));
    loop {
        let mut group = Vec::with_capacity(GROUP);
        for (number, line) in lines.by_ref().take(GROUP) {
            if let Some(record) = parse(number, &line?)? {
                requests += u64::from(matches!(record, Record::Request(_)));
                spans += u64::from(matches!(record, Record::Span(_)));
                group.push((number, record));
            }
        }
        let Some((first, _)) = group.first() else { break };
        let (first, count) = (*first, group.len());
        import = runtime
            .block_on(store.write(move |store| {
                let mut import = import;
                for (number, record) in group {
                    import.store(store, record).map_err(|error| Refused::Line(number, error))?;
                }
                Ok::<_, Refused>(import)
            }))
            .map_err(|refused| refused.explained(first))?;
        bar.inc(count as u64);
    }
    let finish = store.write(move |store| import.finish(store).map_err(StoreError::from));
    runtime.block_on(finish).map_err(text)?;
    runtime.block_on(store.index_texts()).map_err(text)?;
    bar.finish_and_clear();
    note(&format!("imported {requests} requests and {spans} spans"));
    Ok(())
}

/// Parses a line. Returns `None` for an empty line.
fn parse(number: u64, line: &[u8]) -> Result<Option<Record>, Failure> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    Record::parse(line).map(Some).map_err(|error| format!("line {number} cannot be read: {error}").into())
}

/// The reason why a group of lines was not stored.
enum Refused {
    Line(u64, ImportError),
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Refused {
    /// Returns the message, for a group that begins with this line.
    fn explained(self, first: u64) -> Failure {
        let (number, reason) = match self {
            Self::Store(error) => return format!("lines from {first} on were not stored: {error}").into(),
            Self::Line(number, ImportError::Version(version)) => {
                (number, format!("the file has format {version}; use the promptlayer-local that wrote it"))
            }
            Self::Line(number, ImportError::Missing(what, id)) => {
                (number, format!("the {what} {id} is not in the file before it"))
            }
            Self::Line(number, ImportError::Database(error)) => (number, StoreError::from(error).to_string()),
        };
        format!("line {number} cannot be stored: {reason}; the lines from {first} on were not stored").into()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "passed to map_err")]
fn text(error: StoreError) -> Failure {
    error.to_string().into()
}
