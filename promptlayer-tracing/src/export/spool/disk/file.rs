//! File and folder access: private permissions, regular files only, and files that grow by whole entries.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// The maximum number of attempts to create a folder that other processes remove at the same time.
const FOLDER_TRIES: usize = 64;

/// Creates a folder and its parents, readable only by the owner (0700 on Unix). An existing folder is not
/// changed.
///
/// Other processes remove empty folders, possibly between two steps of this function. It then starts again.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let mut created = builder.create(path);
    for _ in 1..FOLDER_TRIES {
        match &created {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !is_other_than_folder(path) => {}
            _ => break,
        }
        created = builder.create(path);
    }
    created
}

fn is_other_than_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir())
}

/// Returns the options for new files: readable only by the owner (0600 on Unix).
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a regular file, and fails at once for anything else. Links are not followed, and pipes do not block.
#[cfg(unix)]
pub(super) fn open_regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
}

#[cfg(not(unix))]
pub(super) fn open_regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(not_regular());
    }
    options.open(path)
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// Returns `true` if a path exists and is not a regular file.
pub(super) fn is_irregular(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file())
}

/// Flushes the data of a file to disk.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    // Windows cannot sync a file that was opened for reading only.
    open_regular(OpenOptions::new().write(true), path)?.sync_data()
}

/// Returns `true` if an open file was deleted, so it has no name any more. This costs less than a lookup of
/// the path, but it does not detect that a file was moved.
#[cfg(unix)]
pub(super) fn is_deleted(file: &File, _: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

#[cfg(not(unix))]
pub(super) fn is_deleted(_: &File, path: &Path) -> bool {
    matches!(FileId::at(path), Ok(None))
}

/// The identity of a file, which distinguishes it from a file that replaced it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    pub(super) fn new(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(metadata.dev(), metadata.ino())
    }

    /// All files are equal on systems without inode numbers.
    #[cfg(not(unix))]
    pub(super) fn new(_: &Metadata) -> Self {
        Self(0, 0)
    }

    /// Returns the id of the file at a path, or `None` if there is no file. Returns an error if that cannot
    /// be determined.
    pub(super) fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(Self::new(&metadata))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// The destination of a [`Tail`].
pub(super) trait Medium: Write {
    /// Truncates to a length, and continues from there.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Medium for File {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        // Seek, because the file is not opened for appending: Windows cannot truncate such a file.
        self.seek(SeekFrom::Start(len)).map(drop)
    }
}

/// The end of a file that grows by whole entries. Nothing remains of an entry that could not be written
/// completely.
#[derive(Debug)]
pub(super) struct Tail<M = File> {
    medium: M,
    len: u64,
    /// Whether a partial entry after `len` could not be removed.
    spoilt: bool,
}

impl<M: Medium> Tail<M> {
    /// Returns the tail of a file that was opened for writing. The file is truncated to `len` before the
    /// first write.
    pub(super) fn new(medium: M, len: u64) -> Self {
        Self { medium, len, spoilt: true }
    }

    /// Appends an entry with one system call, unless the system accepts only a part of it.
    pub(super) fn append(&mut self, entry: &[u8]) -> io::Result<()> {
        self.cut()?;
        self.spoilt = true;
        if let Err(error) = self.medium.write_all(entry) {
            // If this fails, it is tried again before the next entry.
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

    /// Returns the size of all complete entries in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Returns the medium.
    pub(super) fn medium(&self) -> &M {
        &self.medium
    }

    /// Returns `true` if the file ends with a complete entry, so that more can be appended.
    pub(super) fn is_sound(&self) -> bool {
        !self.spoilt
    }
}
