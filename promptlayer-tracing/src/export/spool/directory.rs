//! Who may touch what: each process has a directory of its own, and a lock on it.
//!
//! ```text
//! root/
//!   v2-<pid>-<time>-<random>.lock    held by the process that owns the directory
//!   v2-<pid>-<time>-<random>/        its segments
//!   set-aside/                       what could not be read
//! ```
//!
//! The lock stands beside the directory: it is held before there is a directory, and goes after it. So
//! who holds the lock of a directory that exists has it alone, at every instant, and whoever stops
//! half-way leaves nothing that the next one cannot take. A directory of another version of the form
//! has a name that this one does not know, and is left alone.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::SpoolError;
use super::file::{create_folder, private};

/// What the name of a directory begins with.
const PREFIX: &str = "v2-";
/// What the name of a lock ends with.
const LOCK: &str = ".lock";
/// How many directories of others are taken at once: each holds a file open.
const MOST_ORPHANS: usize = 64;
/// How often a name is tried whose lock another process got first, which takes it for a stale one.
const TRIES: usize = 16;

/// A directory, with the lock on it.
#[derive(Debug)]
pub(super) struct Claim {
    folder: PathBuf,
    lock_path: PathBuf,
    lock: File,
}

impl Claim {
    /// Makes a new directory in the root, and locks it.
    pub(super) fn create(root: &Path) -> Result<Self, SpoolError> {
        create_folder(root).map_err(SpoolError::io("make the spool's folder", root))?;
        for _ in 0..TRIES {
            let name = new_name();
            let lock_path = root.join(name.clone() + LOCK);
            let lock = private()
                .write(true)
                .create_new(true)
                .open(&lock_path)
                .map_err(SpoolError::io("make the lock", &lock_path))?;
            match lock.try_lock() {
                // One that removes stale locks may have been quicker. From here on none is.
                Ok(()) if lock_path.exists() => {
                    let claim = Self { folder: root.join(name), lock_path, lock };
                    create_folder(&claim.folder).map_err(SpoolError::io("make the folder", &claim.folder))?;
                    return Ok(claim);
                }
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    // It is of no use to anybody.
                    let _ = fs::remove_file(&lock_path);
                    return Err(SpoolError::io("lock", &lock_path)(error));
                }
            }
        }
        let busy = io::Error::from(io::ErrorKind::ResourceBusy);
        Err(SpoolError::io("make a folder of its own in", root)(busy))
    }

    /// Takes a directory, or a lock that was left without one; nothing if somebody holds it, or if it
    /// is gone by now.
    fn adopt(root: &Path, name: &str, is_lock: bool) -> io::Result<Option<Self>> {
        let lock_path = root.join(name.to_owned() + LOCK);
        // A directory whose lock was removed by hand gets a new one. A lock alone must never: the one
        // that made it may be about to make the directory.
        let lock = match private().write(true).create(!is_lock).open(&lock_path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            // If the directory is gone by now, dropping the claim removes the lock again.
            Ok(()) => Ok(Some(Self { folder: root.join(name), lock_path, lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The directory.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The directory's name.
    pub(super) fn name(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }
}

impl Drop for Claim {
    /// Removes the directory if it is empty, then its lock. One that is not is there for the next.
    fn drop(&mut self) {
        let gone = match fs::remove_dir(&self.folder) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if gone {
            // Else the next to come removes it.
            let _ = fs::remove_file(&self.lock_path);
        }
        // Closing the file unlocks it too, but not while a process that was forked meanwhile has it open.
        let _ = self.lock.unlock();
    }
}

/// The directories in a root that nobody held, and how many could not be looked at.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    pub(super) claims: Vec<Claim>,
    pub(super) unreadable: u64,
}

impl Orphans {
    /// Takes all that are in a root, and belong to the user that `own` belongs to: what another user put
    /// there is not sent in this one's name.
    pub(super) fn adopt(root: &Path, own: &Claim) -> Self {
        let mut orphans = Self::default();
        let Ok(entries) = fs::read_dir(root) else {
            return Self { unreadable: 1, ..orphans };
        };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            // A lock without a directory is taken too, and goes with the claim.
            let (name, is_lock) = name.strip_suffix(LOCK).map_or((&*name, false), |name| (name, true));
            if !is_name(name) || !have_one_owner(&entry.path(), own.folder()) {
                continue;
            }
            if orphans.claims.len() >= MOST_ORPHANS {
                // The next to come has them.
                break;
            }
            match Claim::adopt(root, name, is_lock) {
                Ok(Some(claim)) => orphans.claims.push(claim),
                Ok(None) => {}
                Err(_) => orphans.unreadable += 1,
            }
        }
        orphans
    }
}

/// A name that no directory has had.
fn new_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{PREFIX}{}-{now:x}-{:016x}", std::process::id(), fastrand::u64(..))
}

/// Whether two files are of the same user; where there are no users, they are.
#[cfg(unix)]
fn have_one_owner(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let owner = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.uid());
    matches!((owner(one), owner(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(not(unix))]
fn have_one_owner(_: &Path, _: &Path) -> bool {
    true
}

/// Whether a name is of the kind that [`new_name`] makes.
fn is_name(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let mut parts = rest.split('-');
    let all = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    all(parts.next()) && all(parts.next()) && all(parts.next()) && parts.next().is_none()
}
