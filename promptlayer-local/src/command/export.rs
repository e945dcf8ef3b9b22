//! `export`: writes everything that is stored as JSON lines.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;

use super::terminal::note;
use super::{DatabaseOptions, Failure};
use crate::store::transfer::Record;

#[derive(Args)]
pub(super) struct Options {
    /// File to write, or - for standard output
    file: PathBuf,

    #[command(flatten)]
    database: DatabaseOptions,
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method has a lifetime of its own")]
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let database = options.database.open()?;
    let (requests, spans) = database.read(|store| store.totals())?;
    let mut output: Box<dyn Write> = if options.file == Path::new("-") {
        Box::new(BufWriter::new(io::stdout().lock()))
    } else {
        let file = create(&options.file)
            .map_err(|error| format!("cannot write {}: {error}", options.file.display()))?;
        Box::new(BufWriter::new(file))
    };
    let bar = ProgressBar::new(requests.saturating_add(spans));
    let mut written: Result<(), Failure> = Ok(());
    database.read(|store| {
        written = store.export(|record| {
            if matches!(record, Record::Span(_) | Record::Request(_)) {
                bar.inc(1);
            }
            serde_json::to_writer(&mut output, &record)
                .map_err(|error| Failure::from(io::Error::from(error)))?;
            Ok(output.write_all(b"\n")?)
        });
        Ok(())
    })?;
    written?;
    output.flush()?;
    bar.finish_and_clear();
    note(&format!("exported {requests} requests and {spans} spans"));
    Ok(())
}

/// Creates a file that only its owner can read, because it contains prompts.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
