//! Files and folders that only their owner reads, and files that grow by whole entries.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Makes a folder, with those above it, for its owner alone (0700 on Unix). One that exists is left
/// as it is.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// How files are opened that this makes: for their owner alone (0600 on Unix).
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes what the system still holds back of a file to the disk.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    // Windows syncs no file that was opened for reading alone.
    OpenOptions::new().write(true).open(path)?.sync_data()
}

/// What a [`Tail`] writes to.
pub(super) trait Medium: Write {
    /// Cuts it to a length, and goes on from there.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Medium for File {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        // Not opened for appending: Windows cuts no such file.
        self.seek(SeekFrom::Start(len)).map(drop)
    }
}

/// The end of a file that grows by whole entries: of one that could not be written whole, nothing
/// stays.
#[derive(Debug)]
pub(super) struct Tail<M = File> {
    medium: M,
    len: u64,
    /// Whether there is a piece of an entry behind the length that could not be cut off.
    spoilt: bool,
}

impl<M: Medium> Tail<M> {
    /// The end of a file that was opened for writing, cut to its length before it is written to.
    pub(super) fn new(medium: M, len: u64) -> Self {
        Self { medium, len, spoilt: true }
    }

    /// Appends an entry by one call to the system, unless that takes only a part of it.
    pub(super) fn append(&mut self, entry: &[u8]) -> io::Result<()> {
        self.cut()?;
        self.spoilt = true;
        if let Err(error) = self.medium.write_all(entry) {
            // Tried again before the next entry.
            let _ = self.cut();
            return Err(error);
        }
        self.spoilt = false;
        self.len += entry.len() as u64;
        Ok(())
    }

    fn cut(&mut self) -> io::Result<()> {
        if self.spoilt {
            self.medium.cut(self.len)?;
            self.spoilt = false;
        }
        Ok(())
    }

    /// The bytes of the entries that are whole.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether the end of the file is as it should be, so that more can be appended.
    pub(super) fn is_sound(&self) -> bool {
        !self.spoilt
    }
}
