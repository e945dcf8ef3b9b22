//! Files and folders that only their owner reads, and files that grow by whole entries.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// How often it is tried to make a folder that other processes remove meanwhile.
const FOLDER_TRIES: usize = 64;

/// Makes a folder, with those above it, for its owner alone (0700 on Unix). One that exists is left
/// as it is.
///
/// Other processes remove folders that they find empty, maybe between two steps of this: it then begins again.
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

/// How files are opened that this makes: for their owner alone (0600 on Unix).
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a regular file, and fails at once for anything else: a link is not followed, and a pipe is not waited for.
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

/// Whether there is something at a path that is not a regular file.
pub(super) fn is_irregular(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file())
}

/// Writes what the system still holds back of a file to the disk.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    // Windows syncs no file that was opened for reading alone.
    open_regular(OpenOptions::new().write(true), path)?.sync_data()
}

/// Whether an open file was deleted: it has no name any more. This costs less than to look for its path, but does not
/// notice that it was moved.
#[cfg(unix)]
pub(super) fn is_deleted(file: &File, _: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

#[cfg(not(unix))]
pub(super) fn is_deleted(_: &File, path: &Path) -> bool {
    matches!(FileId::at(path), Ok(None))
}

/// Tells a file from one that took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    pub(super) fn new(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(metadata.dev(), metadata.ino())
    }

    /// Where files have no number, all are alike.
    #[cfg(not(unix))]
    pub(super) fn new(_: &Metadata) -> Self {
        Self(0, 0)
    }

    /// The file that is at a path; `None` if there is none, `Err` if that cannot be told.
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

    /// What it writes to.
    pub(super) fn medium(&self) -> &M {
        &self.medium
    }

    /// Whether the end of the file is as it should be, so that more can be appended.
    pub(super) fn is_sound(&self) -> bool {
        !self.spoilt
    }
}
