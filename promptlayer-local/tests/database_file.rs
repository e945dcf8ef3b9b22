//! Tests of the database file: its permissions, and files that belong to other programs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use promptlayer_local::{Config, Database, Error, Server};
use rusqlite::Connection;
use support::{Local, request};

fn config(path: &Path) -> Config {
    Config::default().database(Database::File(path.to_owned()))
}

/// Returns every file of a directory with its content and, on Unix, its mode.
fn snapshot(directory: &Path) -> BTreeMap<String, (Vec<u8>, u32)> {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, (std::fs::read(&path).unwrap(), mode(&path)))
        })
        .collect()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(_: &Path) -> u32 {
    0
}

#[cfg(unix)]
#[tokio::test]
async fn new_database_is_open_to_its_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let local = Local::with(config(&directory.path().join("new.db")));
    local.log(&request()).await;
    let files = snapshot(directory.path());
    assert_eq!(files.keys().collect::<Vec<_>>(), ["new.db", "new.db-shm", "new.db-wal"]);
    for (name, (_, mode)) in files {
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn database_that_others_can_read_is_made_private() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("old.db");
    Local::with(config(&path)).log(&request()).await;
    // A program that was killed leaves such a file behind.
    std::fs::write(directory.path().join("old.db-wal"), "").unwrap();
    for name in ["old.db", "old.db-wal"] {
        let path = directory.path().join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o664)).unwrap();
    }
    let local = Local::with(config(&path));
    local.log(&request()).await;
    for (name, (_, mode)) in snapshot(directory.path()) {
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[tokio::test]
async fn own_database_is_marked_and_accepted_again() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["plain.db", "with space & 100%?#.db"] {
        let path = directory.path().join(name);
        let local = Local::with(config(&path));
        // The mark is in the file from the start, and not only in the write-ahead log.
        assert_eq!(std::fs::read(&path).unwrap()[68..72], *b"PLLo");
        assert_eq!(local.log(&request()).await, 1);
        local.server.shutdown();
        assert_eq!(Local::with(config(&path)).log(&request()).await, 2);
    }
    #[cfg(unix)]
    {
        let link = directory.path().join("link.db");
        std::os::unix::fs::symlink(directory.path().join("plain.db"), &link).unwrap();
        assert_eq!(Local::with(config(&link)).log(&request()).await, 3);
    }
    let empty = directory.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    assert_eq!(Local::with(config(&empty)).log(&request()).await, 1, "an empty file is as good as none");
}

/// A function that creates a file of another program and returns a text that the error must contain.
type Make = fn(&Path) -> &'static str;

fn run(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn file_of_another_program_is_refused_and_left_untouched() {
    let cases: [(&str, Make); 9] = [
        ("tables", |path| {
            run(path, "CREATE TABLE users (a); INSERT INTO users VALUES (1)");
            "users"
        }),
        ("same-table-name", |path| {
            run(path, "CREATE TABLE requests (a, b, c); PRAGMA user_version = 1");
            "requests"
        }),
        ("view", |path| {
            run(path, "CREATE VIEW v AS SELECT 1");
            "v"
        }),
        ("version-without-tables", |path| {
            run(path, "PRAGMA user_version = 1");
            "user_version"
        }),
        ("application-id", |path| {
            run(path, "PRAGMA application_id = 0x0f055112");
            "0x0f055112"
        }),
        ("wal", |path| {
            run(path, "PRAGMA journal_mode = WAL; CREATE TABLE notes (a); PRAGMA user_version = 1");
            "notes"
        }),
        ("wal-of-a-killed-program", |path| {
            let source = path.with_extension("source");
            let connection = Connection::open(&source).unwrap();
            connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE photos (a)").unwrap();
            let beside =
                |path: &Path| path.with_file_name(format!("{}-wal", path.file_name().unwrap().display()));
            std::fs::copy(&source, path).unwrap();
            std::fs::copy(beside(&source), beside(path)).unwrap();
            drop(connection);
            std::fs::remove_file(source).unwrap();
            "photos"
        }),
        ("text", |path| {
            std::fs::write(
                path,
                "this is no database, whatever its name says, however long it may be ".repeat(9),
            )
            .unwrap();
            "not a SQLite database"
        }),
        ("cut-off-header", |path| {
            std::fs::write(path, b"SQLite format 3\0").unwrap();
            "not a SQLite database"
        }),
    ];
    for (name, make) in cases {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(format!("{name}.db"));
        let expected = make(&path);
        let before = snapshot(directory.path());
        let error = Server::start(config(&path)).unwrap_err();
        assert_eq!(snapshot(directory.path()), before, "{name}");
        let mut message = error.to_string();
        if let Error::Database { source, .. } = &error {
            message = format!("{message}: {source}");
        }
        assert!(message.contains(expected), "{name}: {message}");
        assert!(message.contains(&path.display().to_string()), "{name}: {message}");
        assert_eq!(
            matches!(error, Error::ForeignDatabase { .. }),
            !expected.contains("SQLite"),
            "{name}: {error:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn non_regular_file_is_refused_without_opening_it() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    // Opening it would wait for a writer.
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [directory.path(), &pipe, Path::new("/dev/null")] {
        let error = Server::start(config(path)).unwrap_err();
        assert!(matches!(error, Error::ForeignDatabase { .. }), "{error:?}");
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn refusal_is_one_line_without_repetition() {
    let directory = tempfile::tempdir().unwrap();
    let foreign = directory.path().join("foreign.db");
    run(&foreign, "CREATE TABLE requests (a); CREATE TABLE more (b)");
    let cases = [
        (foreign, "it holds the tables more, requests"),
        (directory.path().join("missing").join("new.db"), "No such file or directory"),
        (directory.path().to_owned(), "it is not a regular file"),
    ];
    for (path, reason) in cases {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_promptlayer-local"))
            .args(["--address", "127.0.0.1:0", "--database"])
            .arg(&path)
            .env_remove("PROMPTLAYER_LOCAL_API_KEY")
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        for said_once in [reason, &path.display().to_string(), "error: "] {
            assert_eq!(error.matches(said_once).count(), 1, "{said_once}: {error}");
        }
        assert!(!error.contains("CREATE"), "{error}");
    }
}
