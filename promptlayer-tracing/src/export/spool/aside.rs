//! What could not be read, kept for somebody to look at.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::file::{create_folder, private};

/// The folder's name in the root.
pub(super) const FOLDER: &str = "set-aside";

/// The folder of what could not be read. All processes of a root share it.
#[derive(Debug)]
pub(super) struct Aside {
    folder: PathBuf,
    /// How many files, and parts of files, could not be read.
    pub(super) count: u64,
}

impl Aside {
    pub(super) fn new(root: &Path) -> Self {
        Self { folder: root.join(FOLDER), count: 0 }
    }

    /// Moves a whole file, or a folder, here. Where that fails it stays where it is, and is not read.
    pub(super) fn whole(&mut self, path: &Path, owner: &str) {
        self.count += 1;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The next to come tries again.
        let _ = self.make().and_then(|()| fs::rename(path, self.folder.join(format!("{owner}-{name}"))));
    }

    /// Copies parts of a segment here, one after the other.
    pub(super) fn parts(&mut self, path: &Path, owner: &str, parts: &[Range<u64>]) -> io::Result<()> {
        let Some(first) = parts.first() else { return Ok(()) };
        self.count += parts.len() as u64;
        self.make()?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The same parts have the same name: one that was stopped before the segment was cut does it
        // again.
        let target = self.folder.join(format!("{owner}-{name}-{}", first.start));
        let mut target = private().write(true).create(true).truncate(true).open(target)?;
        let mut source = File::open(path)?;
        for part in parts {
            source.seek(SeekFrom::Start(part.start))?;
            io::copy(&mut source.by_ref().take(part.end - part.start), &mut target)?;
        }
        Ok(())
    }

    fn make(&self) -> io::Result<()> {
        create_folder(&self.folder)
    }

    /// Removes what nobody looked at for so long, then the oldest until no more bytes are left than
    /// given.
    pub(super) fn prune(&self, max_age: Duration, bytes: u64) {
        let now = SystemTime::now();
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
            let old = now.duration_since(modified).is_ok_and(|age| age > max_age);
            if old || held > bytes {
                // Another process may have been quicker.
                let _ = fs::remove_file(path);
            }
        }
    }
}
