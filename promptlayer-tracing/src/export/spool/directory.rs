//! Who may touch what: each process has a directory of its own, and a lock on it.
//!
//! ```text
//! root/
//!   destination-<hash>/                named for the base URL and the API key: see `Destination`
//!     v2-<pid>-<time>-<random>.lock    held by the process that owns the directory
//!     v2-<pid>-<time>-<random>/        its segments
//!   set-aside/                         what could not be read
//! ```
//!
//! The lock stands beside the directory: it is taken before the directory is made, and removed after it. So the process
//! that holds the lock of a directory has the directory alone at every instant, and a process that stops half-way leaves
//! nothing that the next one cannot take. A directory of another version of the format has another prefix, and is
//! left alone.
//!
//! The lock file contains the system's boot id, if there is one (Linux): after a crash of the system, the last marks of
//! records that were sent may be missing, so all records of an earlier boot count as sent.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use super::SpoolError;
use super::file::{create_folder, open_regular, private};
use crate::fork;

/// What the name of a directory begins with.
const PREFIX: &str = "v2-";
/// What the name of a destination's folder begins with.
const HOME_PREFIX: &str = "destination-";
/// What the name of a lock ends with.
const LOCK: &str = ".lock";
/// How many directories of others are taken at once: each holds a file open.
const MOST_ORPHANS: usize = 64;
/// How often a name is tried whose lock another process got first, which takes it for a stale one, or
/// whose destination's folder another process removed, which found it empty.
const TRIES: usize = 64;

/// A directory, with the lock on it.
#[derive(Debug)]
pub(super) struct Claim {
    /// The destination's folder.
    home: PathBuf,
    folder: PathBuf,
    lock_path: PathBuf,
    lock: File,
    /// Whether the system has not been started since the directory was made.
    is_of_this_boot: bool,
    /// The process that took it, as [`fork::generation`]. One that was forked from it has no part in it. Atomic only for
    /// tests, which change it.
    process: AtomicU32,
}

impl Claim {
    /// Makes a new directory in the folder of a destination, and locks it.
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
                // One that removes stale locks may have been quicker. From here on none is.
                Ok(()) if lock_path.exists() => {
                    // Without it, all records count as sent when they are adopted.
                    let _ = (&lock).write_all(boot_id().as_bytes());
                    let claim = Self::new(home, &name, lock, true);
                    create_folder(&claim.folder).map_err(SpoolError::io("make the folder", &claim.folder))?;
                    return Ok(claim);
                }
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    // It is of no use.
                    let _ = fs::remove_file(&lock_path);
                    return Err(SpoolError::io("lock", &lock_path)(error));
                }
            }
        }
        let busy = io::Error::from(io::ErrorKind::ResourceBusy);
        Err(SpoolError::io("make a folder of its own in", home)(busy))
    }

    /// Takes a directory, or a lock that was left without one; nothing if somebody holds it, or if it
    /// is gone by now.
    fn adopt(home: &Path, name: &str, is_lock: bool) -> io::Result<Option<Self>> {
        if fs::symlink_metadata(home.join(name)).is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let lock_path = home.join(name.to_owned() + LOCK);
        // A directory whose lock was removed by hand gets a new one. A lock alone must never: the one
        // that made it may be about to make the directory.
        let lock = match open_regular(private().read(true).write(true).create(!is_lock), &lock_path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            // If the directory is gone by now, dropping the claim removes the lock again.
            Ok(()) => {
                let mut boot = String::new();
                // What is not text is no boot id.
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

    /// The folder of its destination.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// The directory.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The directory's name.
    pub(super) fn name(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Whether the directory and its lock are still there.
    pub(super) fn is_there(&self) -> bool {
        self.folder.is_dir() && self.lock_path.exists()
    }

    /// Whether all marks are there that were handed to the system: it has not crashed since.
    pub(super) fn is_of_this_boot(&self) -> bool {
        self.is_of_this_boot
    }

    /// Returns `false` in a process that was forked from the one that took the directory.
    pub(super) fn is_of_this_process(&self) -> bool {
        self.process.load(Relaxed) == fork::generation()
    }

    /// Behaves as in a process that was forked.
    #[cfg(test)]
    pub(super) fn fork(&self) {
        self.process.store(0, Relaxed);
    }
}

impl Drop for Claim {
    /// Removes the directory if it is empty, then its lock, then the destination's folder if that is empty. One that is
    /// not is there for the next.
    fn drop(&mut self) {
        // It is the parent's, and unlocking the file that both have open would unlock it for the parent.
        if !self.is_of_this_process() {
            return;
        }
        let gone = match fs::remove_dir(&self.folder) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if gone {
            // Else the next to come removes it.
            let _ = fs::remove_file(&self.lock_path);
            let _ = fs::remove_dir(&self.home);
        }
        // Closing the file unlocks it too, but not while a process that was forked meanwhile has it open.
        let _ = self.lock.unlock();
    }
}

/// The directories of a destination that nobody held, and how many could not be looked at.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    pub(super) claims: Vec<Claim>,
    pub(super) unreadable: u64,
}

impl Orphans {
    /// Takes all that have the destination of `own`, and belong to the user that `own` belongs to: what another user put
    /// there is not sent in this one's name.
    pub(super) fn adopt(own: &Claim) -> Self {
        let mut orphans = Self::default();
        let Ok(entries) = fs::read_dir(own.home()) else {
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
            match Claim::adopt(own.home(), name, is_lock) {
                Ok(Some(claim)) => orphans.claims.push(claim),
                Ok(None) => {}
                Err(_) => orphans.unreadable += 1,
            }
        }
        orphans
    }
}

/// The folder of a destination, which `hash` stands for.
pub(super) fn home(root: &Path, hash: &str) -> PathBuf {
    root.join(format!("{HOME_PREFIX}{hash}"))
}

/// Whether a folder is that of a destination.
pub(super) fn is_home(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    let hash = name.and_then(|name| name.strip_prefix(HOME_PREFIX));
    hash.is_some_and(|hash| !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a folder is that of a process, in this version or another.
pub(super) fn is_of_a_process(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    let versioned = name.and_then(|name| name.strip_prefix('v')).and_then(|name| name.split_once('-'));
    versioned.is_some_and(|(version, rest)| version.parse::<u8>().is_ok() && are_parts_of_a_name(rest))
}

/// Whether a folder is that of a process in this version.
pub(super) fn is_of_this_version(folder: &Path) -> bool {
    folder.file_name().and_then(|name| name.to_str()).is_some_and(is_name)
}

/// Whether a process holds a directory.
pub(super) fn is_held(folder: &Path) -> bool {
    let mut lock_path = folder.as_os_str().to_owned();
    lock_path.push(LOCK);
    match open_regular(private().read(true), Path::new(&lock_path)) {
        // Shared, so that two that look at the same time do not see each other. It is given up at once.
        Ok(lock) => lock.try_lock_shared().is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// A name that no directory has had.
fn new_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{PREFIX}{}-{now:x}-{:016x}", std::process::id(), fastrand::u64(..))
}

/// Identifies the start of the system; empty where that is not known.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// Whether two files are of the same user; where there are no users, they are.
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

/// Whether a name is of the kind that [`new_name`] makes.
fn is_name(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(are_parts_of_a_name)
}

/// Whether this is three hexadecimal numbers.
fn are_parts_of_a_name(rest: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    rest.split('-').count() == 3 && rest.split('-').all(is_number)
}
