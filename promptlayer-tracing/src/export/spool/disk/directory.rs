//! Directories and their locks: each process has its own directory in the spool, and holds a lock on it.
//!
//! ```text
//! root/
//!   destination-<hash>/                named for the base URL and the API key: see `SpanExporter`
//!     v2-<pid>-<time>-<random>.lock    held by the process that owns the directory
//!     v2-<pid>-<time>-<random>/        its segments
//!   set-aside/                         quarantined data
//! ```
//!
//! The lock file is next to the directory. It is created before the directory and removed after it. So the
//! process that holds the lock always has exclusive access to the directory, and a process that stops
//! half-way leaves nothing that the next one cannot adopt. The directory of another format version has
//! another prefix, and is left untouched.
//!
//! The lock file contains the boot id of the system, if there is one (Linux). After a crash of the system,
//! the last marks of sent records may be missing. Therefore all records of an earlier boot count as sent.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

use super::SpoolError;
use super::file::{create_folder, open_regular, private};
use crate::fork;

/// The prefix of a directory name.
const PREFIX: &str = "v2-";
/// The prefix of the name of a destination's folder.
const HOME_PREFIX: &str = "destination-";
/// The suffix of the name of a lock file.
const LOCK: &str = ".lock";
/// The maximum number of directories that are adopted at once. Each one keeps a file open.
const MOST_ORPHANS: usize = 64;
/// The maximum number of attempts to create a directory. An attempt fails if another process locks the new
/// lock file first, because it looks stale, or removes the destination's folder, because it is empty.
const TRIES: usize = 64;

/// A directory and the lock on it.
#[derive(Debug)]
pub(super) struct Claim {
    /// The folder of the destination.
    home: PathBuf,
    folder: PathBuf,
    lock_path: PathBuf,
    lock: File,
    /// Whether the system has not restarted since the directory was created.
    is_of_this_boot: bool,
    /// The process that locked the directory, as [`fork::generation`]. A process that was forked from it does
    /// not own the lock. It is atomic only because tests change it.
    process: AtomicU32,
}

impl Claim {
    /// Creates and locks a new directory in the folder of a destination.
    pub(super) fn create(home: &Path) -> Result<Self, SpoolError> {
        fork::watch();
        for _ in 0..TRIES {
            create_folder(home).map_err(SpoolError::io("make the spool's folder", home))?;
            let name = new_name();
            let lock_path = home.join(name.clone() + LOCK);
            let lock = match private().write(true).create_new(true).open(&lock_path) {
                Ok(lock) => lock,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(SpoolError::io("make the lock", &lock_path)(error)),
            };
            match lock.try_lock() {
                // A process that removes stale locks may have removed this one first. From here on it is
                // safe, because it is locked.
                Ok(()) if lock_path.exists() => {
                    // If this fails, all records count as sent when they are adopted.
                    let _ = (&lock).write_all(boot_id().as_bytes());
                    let claim = Self::new(home, &name, lock, true);
                    create_folder(&claim.folder).map_err(SpoolError::io("make the folder", &claim.folder))?;
                    return Ok(claim);
                }
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    // A lock file that cannot be locked is useless.
                    let _ = fs::remove_file(&lock_path);
                    return Err(SpoolError::io("lock", &lock_path)(error));
                }
            }
        }
        let busy = io::Error::from(io::ErrorKind::ResourceBusy);
        Err(SpoolError::io("make a folder of its own in", home)(busy))
    }

    /// Locks an existing directory, or a lock file without a directory. Returns `None` if another process
    /// holds the lock, or if it no longer exists.
    fn adopt(home: &Path, name: &str, is_lock: bool) -> io::Result<Option<Self>> {
        if fs::symlink_metadata(home.join(name)).is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let lock_path = home.join(name.to_owned() + LOCK);
        // Create a missing lock file for a directory, because it was removed by hand. Never create one for a
        // lock alone: its process may be about to create the directory.
        let lock = match open_regular(private().read(true).write(true).create(!is_lock), &lock_path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            // If the directory no longer exists, dropping the claim removes the lock file again.
            Ok(()) => {
                let mut boot = String::new();
                // Content that is not UTF-8 is not a boot id.
                let is_read = (&lock).take(64).read_to_string(&mut boot).is_ok();
                Ok(Some(Self::new(home, name, lock, is_read && boot == boot_id())))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn new(home: &Path, name: &str, lock: File, is_of_this_boot: bool) -> Self {
        Self {
            home: home.to_owned(),
            folder: home.join(name),
            lock_path: home.join(name.to_owned() + LOCK),
            lock,
            is_of_this_boot,
            process: fork::generation().into(),
        }
    }

    /// Returns the folder of the destination.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Returns the path of the directory.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the name of the directory.
    pub(super) fn name(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Returns `true` if the directory and its lock file still exist.
    pub(super) fn is_there(&self) -> bool {
        self.folder.is_dir() && self.lock_path.exists()
    }

    /// Returns `true` if all marks that were written are present, because the system has not crashed since.
    pub(super) fn is_of_this_boot(&self) -> bool {
        self.is_of_this_boot
    }

    /// Returns `true` if this process locked the directory, and `false` in a process that was forked from it.
    pub(super) fn is_of_this_process(&self) -> bool {
        self.process.load(Relaxed) == fork::generation()
    }

    /// Makes the claim behave as in a forked process.
    #[cfg(test)]
    pub(super) fn fork(&self) {
        self.process.store(0, Relaxed);
    }
}

impl Drop for Claim {
    /// Removes the directory if it is empty, then its lock file, then the destination's folder if that is
    /// empty. A directory with records stays for the next process.
    fn drop(&mut self) {
        // In a fork, the directory belongs to the parent. Unlocking the shared file would unlock it for the
        // parent too.
        if !self.is_of_this_process() {
            return;
        }
        let gone = match fs::remove_dir(&self.folder) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if gone {
            // If this fails, the next process removes it.
            let _ = fs::remove_file(&self.lock_path);
            let _ = fs::remove_dir(&self.home);
        }
        // Closing the file would also unlock it, but not while a forked process has it open.
        let _ = self.lock.unlock();
    }
}

/// The directories of a destination that no process held, and the number of those that could not be read.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    pub(super) claims: Vec<Claim>,
    pub(super) unreadable: u64,
}

impl Orphans {
    /// Adopts all directories with the same destination and the same owner as `own`. Records of another user
    /// are not sent in this user's name.
    pub(super) fn adopt(own: &Claim) -> Self {
        let mut orphans = Self::default();
        let Ok(entries) = fs::read_dir(own.home()) else {
            return Self { unreadable: 1, ..orphans };
        };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            // A lock file without a directory is adopted too, and is removed when the claim is dropped.
            let (name, is_lock) = name.strip_suffix(LOCK).map_or((&*name, false), |name| (name, true));
            if !is_name(name) || !have_one_owner(&entry.path(), own.folder()) {
                continue;
            }
            if orphans.claims.len() >= MOST_ORPHANS {
                // The next process adopts the rest.
                break;
            }
            match Claim::adopt(own.home(), name, is_lock) {
                Ok(Some(claim)) => orphans.claims.push(claim),
                Ok(None) => {}
                Err(_) => orphans.unreadable += 1,
            }
        }
        orphans
    }
}

/// Returns the folder of the destination with this hash.
pub(super) fn home(root: &Path, hash: &str) -> PathBuf {
    root.join(format!("{HOME_PREFIX}{hash}"))
}

/// Returns `true` if a folder is the folder of a destination.
pub(super) fn is_home(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    let hash = name.and_then(|name| name.strip_prefix(HOME_PREFIX));
    hash.is_some_and(|hash| !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Returns `true` if a folder belongs to a process, in any format version.
pub(super) fn is_of_a_process(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    let versioned = name.and_then(|name| name.strip_prefix('v')).and_then(|name| name.split_once('-'));
    versioned.is_some_and(|(version, rest)| version.parse::<u8>().is_ok() && are_parts_of_a_name(rest))
}

/// Returns `true` if a folder belongs to a process in the current format version.
pub(super) fn is_of_this_version(folder: &Path) -> bool {
    folder.file_name().and_then(|name| name.to_str()).is_some_and(is_name)
}

/// Returns `true` if a process holds the lock of a directory.
pub(super) fn is_held(folder: &Path) -> bool {
    let mut lock_path = folder.as_os_str().to_owned();
    lock_path.push(LOCK);
    match open_regular(private().read(true), Path::new(&lock_path)) {
        // Use a shared lock, so that two processes that check at the same time do not conflict. It is
        // released at once.
        Ok(lock) => lock.try_lock_shared().is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Returns a unique directory name.
fn new_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{PREFIX}{}-{now:x}-{:016x}", std::process::id(), fastrand::u64(..))
}

/// Returns an id of the current boot, or an empty text if it is unknown.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// Returns `true` if two files have the same owner, and always on systems without users.
#[cfg(unix)]
pub(super) fn have_one_owner(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let owner = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.uid());
    matches!((owner(one), owner(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(not(unix))]
pub(super) fn have_one_owner(_: &Path, _: &Path) -> bool {
    true
}

/// Returns `true` if a name has the format of [`new_name`].
fn is_name(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(are_parts_of_a_name)
}

/// Returns `true` if a text is three hexadecimal numbers.
fn are_parts_of_a_name(rest: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    rest.split('-').count() == 3 && rest.split('-').all(is_number)
}
