//! Quarantine of data that could not be read, kept for manual inspection.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::age::Age;
use super::clock::{Clock, millis};
use super::file::{create_folder, open_regular, private};
use super::left_alone::LeftAlone;

/// The name of the folder in the root.
pub(super) const FOLDER: &str = "set-aside";

/// The quarantine folder. All processes that use a root share it.
#[derive(Debug)]
pub(super) struct Quarantine {
    folder: PathBuf,
    /// Counts of what was quarantined, and of what else is not sent.
    pub(super) left: LeftAlone,
}

impl Quarantine {
    pub(super) fn new(root: &Path) -> Self {
        Self { folder: root.join(FOLDER), left: LeftAlone::default() }
    }

    /// Moves a whole file or folder to the quarantine. If that fails, it stays where it is and is not read.
    pub(super) fn whole(&mut self, path: &Path, owner: &str) {
        self.left.set_aside += 1;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The next process tries again.
        let _ = self.make().and_then(|()| fs::rename(path, self.folder.join(format!("{owner}-{name}"))));
    }

    /// Copies parts of a segment to one file in the quarantine, one after the other.
    pub(super) fn parts(&mut self, path: &Path, owner: &str, parts: &[Range<u64>]) -> io::Result<()> {
        let Some(first) = parts.first() else { return Ok(()) };
        self.left.set_aside += parts.len() as u64;
        self.make()?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The same parts get the same name. If the process is stopped before it truncates the segment, the
        // next process overwrites the file.
        let target = self.folder.join(format!("{owner}-{name}-{}", first.start));
        let mut target = open_regular(private().write(true).create(true).truncate(true), &target)?;
        let mut source = open_regular(File::options().read(true), path)?;
        for part in parts {
            source.seek(SeekFrom::Start(part.start))?;
            io::copy(&mut source.by_ref().take(part.end - part.start), &mut target)?;
        }
        Ok(())
    }

    fn make(&self) -> io::Result<()> {
        create_folder(&self.folder)
    }

    /// Removes files older than `max_age`, then the oldest files until at most `bytes` are left. Files do not
    /// age by a clock that shows an impossible time.
    pub(super) fn prune(&self, max_age: Duration, bytes: u64, clock: &Clock) {
        let mut files: Vec<_> = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        files.sort_unstable_by(|one, other| other.cmp(one));
        let mut held = 0u64;
        for (modified, len, path) in files {
            held = held.saturating_add(len);
            let modified = millis(modified.duration_since(UNIX_EPOCH).unwrap_or_default());
            let age = Age::adopted(modified, 0, clock).of_record(0, clock.monotonic());
            if age > max_age || held > bytes {
                // Another process may have removed it first.
                let _ = fs::remove_file(path);
            }
        }
    }
}
