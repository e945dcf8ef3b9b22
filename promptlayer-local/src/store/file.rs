//! Checks the database file before SQLite opens it for writing: which program it belongs to, and who can read
//! it.
//!
//! The check must come first, because opening a file can change it: SQLite creates a write-ahead log beside
//! it, and the first statement can modify it. The file of another program is not changed, not even by one
//! byte.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::schema;

/// The suffixes of the files that SQLite writes beside the database.
const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The reason why a file cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// The file system returned an error.
    Io(io::Error),
    /// The file is of another kind or belongs to another program. The text describes what was found.
    Foreign(String),
    /// The file is not a database, or SQLite cannot read it.
    Unreadable(String),
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rusqlite::Error> for Unusable {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unreadable(super::error::reason(&error))
    }
}

/// Creates the file if it does not exist, checks that it belongs to this program, and makes it readable and
/// writable by its owner only (on Unix). Returns the path to open, which does not depend on the current
/// directory.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, Unusable> {
    let is_new = match create(path) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        Err(error) => return Err(error.into()),
    };
    let path = absolute(path)?;
    if !is_new {
        check(&path)?;
    }
    keep_private(&path)?;
    Ok(path)
}

/// Checks that an existing file belongs to this program, and returns its path like [`prepare`]. Changes nothing.
#[cfg(feature = "cli")]
pub(super) fn locate(path: &Path) -> Result<PathBuf, Unusable> {
    let path = absolute(path)?;
    check(&path)?;
    Ok(path)
}

fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Returns the path to which SQLite appends `-wal`: SQLite follows symbolic links first.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    if cfg!(unix) { fs::canonicalize(path) } else { std::path::absolute(path) }
}

/// Removes the permissions of the group and of other users from the database and from the files that SQLite
/// left beside it. Files that SQLite creates later get the mode of the database.
fn keep_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    for suffix in std::iter::once("").chain(SIDE_FILES) {
        use std::os::unix::fs::PermissionsExt;
        let path = beside(path, suffix);
        let mode = match fs::metadata(&path) {
            Ok(metadata) => metadata.permissions().mode(),
            Err(error) if error.kind() == ErrorKind::NotFound && !suffix.is_empty() => continue,
            Err(error) => return Err(error),
        };
        if mode & 0o077 != 0 {
            match fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o700)) {
                // Another server that uses the same file may have closed it in the meantime.
                Err(error) if error.kind() == ErrorKind::NotFound && !suffix.is_empty() => {}
                other => other?,
            }
        }
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Checks that an existing file is empty or belongs to this program. Writes nothing beside it.
fn check(path: &Path) -> Result<(), Unusable> {
    if !fs::metadata(path)?.is_file() {
        // Opening a pipe or a device could block or have side effects.
        return Err(Unusable::Foreign("it is not a regular file".to_owned()));
    }
    let Some(header) = Header::read(path)? else { return Ok(()) };
    match header.application_id {
        schema::APPLICATION_ID => return Ok(()),
        0 => {}
        other => {
            return Err(Unusable::Foreign(format!(
                "its application id is {other:#010x}, of another program"
            )));
        }
    }
    let mut found = Contents::of(&look(path)?)?;
    let log = beside(path, "-wal");
    if found.objects.is_empty() && fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        // All data is still in the write-ahead log, so both files together are small and can be copied.
        found = look_at_copy(path, &log)?;
    }
    found.check()
}

/// The fields in the first 100 bytes of a SQLite file that identify its program.
struct Header {
    application_id: i32,
}

impl Header {
    /// Reads the header. Returns `None` if the file is empty.
    fn read(path: &Path) -> Result<Option<Self>, Unusable> {
        let mut bytes = Vec::with_capacity(100);
        File::open(path)?.take(100).read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let field = bytes.get(68..72).and_then(|field| <[u8; 4]>::try_from(field).ok());
        match field {
            Some(field) if bytes.starts_with(b"SQLite format 3\0") => {
                Ok(Some(Self { application_id: i32::from_be_bytes(field) }))
            }
            _ => Err(Unusable::Unreadable("the file is not a SQLite database".to_owned())),
        }
    }
}

/// The contents of a database that does not have this program's application id.
struct Contents {
    application_id: i32,
    version: i64,
    /// The names of its tables and views.
    objects: Vec<String>,
}

impl Contents {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let mut names = connection.prepare(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
             ORDER BY name",
        )?;
        let objects = names.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            application_id: connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
            version: connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
            objects,
        })
    }

    /// Accepts an empty database, and a database from before this program marked its files.
    fn check(self) -> Result<(), Unusable> {
        let has_no_tables = self.objects.is_empty() && !(1..=schema::VERSION).contains(&self.version);
        let is_unmarked = self.version == schema::UNMARKED_VERSION
            && self.objects.iter().map(String::as_str).eq(schema::UNMARKED_TABLES);
        if self.application_id == schema::APPLICATION_ID || has_no_tables || is_unmarked {
            return Ok(());
        }
        Err(Unusable::Foreign(if self.objects.is_empty() {
            format!("its user_version is {}, but it has no tables", self.version)
        } else {
            let shown: Vec<String> =
                self.objects.iter().take(5).map(|name| name.chars().take(60).collect()).collect();
            let more = if self.objects.len() > shown.len() { ", …" } else { "" };
            format!("it holds the tables {}{more}", shown.join(", "))
        }))
    }
}

/// Opens the file as immutable, so that SQLite neither locks it nor creates files beside it.
pub(super) fn look(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(format!("file:{}?mode=ro&immutable=1", uri_path(path)), flags)
}

/// Encodes a path for a `file:` URI.
fn uri_path(path: &Path) -> String {
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
    #[cfg(not(unix))]
    let text = format!("/{}", path.to_string_lossy().replace('\\', "/"));
    #[cfg(not(unix))]
    let bytes = text.as_bytes();

    let mut encoded = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                encoded.push(char::from(*byte));
            }
            _ => {
                let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
                encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    encoded
}

/// Reads a database and its write-ahead log from copies in a private directory.
fn look_at_copy(path: &Path, log: &Path) -> Result<Contents, Unusable> {
    let directory = PrivateDirectory::new()?;
    let copy = directory.0.join("copy");
    fs::copy(path, &copy)?;
    fs::copy(log, beside(&copy, "-wal"))?;
    let connection = Connection::open_with_flags(
        &copy,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    Ok(Contents::of(&connection)?)
}

/// A directory that only its owner can enter. It is removed when dropped.
struct PrivateDirectory(PathBuf);

impl PrivateDirectory {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("promptlayer-local-{}", super::unique_name()));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // If removing fails, only the owner can read the remaining copy.
        let _ = fs::remove_dir_all(&self.0);
    }
}
