//! Reference documents that are read where they lie, and never kept in this repository.

use std::io::{self, Write};
use std::path::PathBuf;
use std::{env, fs};

use serde_json::Value;

/// The variable that names the folder of reference documents.
const VARIABLE: &str = "PROMPTLAYER_SHARED";

/// A JSON document of the folder, or `None`, said aloud, where there is none.
///
/// The folder is `PROMPTLAYER_SHARED`, else `shared` beside the checkout.
///
/// # Panics
///
/// If the document is there but is not JSON: a check that silently has nothing to check against would never fail.
pub(crate) fn document(name: &str) -> Option<Value> {
    let text = text(name)?;
    match serde_json::from_str(&text) {
        Ok(document) => Some(document),
        Err(error) => panic!("{} is not JSON: {error}", path(name).display()),
    }
}

/// Reads a text of the folder; `None`, with a message, if it cannot be read.
pub(crate) fn text(name: &str) -> Option<String> {
    let text = fs::read_to_string(path(name)).ok();
    if text.is_none() {
        skipped(name);
    }
    text
}

/// The JSON documents of a folder in the folder, by their names without the extension; none, said aloud, where there is
/// no such folder.
///
/// # Panics
///
/// If one of them is not JSON.
pub(crate) fn documents(name: &str) -> Vec<(String, Value)> {
    let Ok(entries) = fs::read_dir(path(name)) else {
        skipped(name);
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    let read = |file: String| document(&format!("{name}/{file}.json")).map(|document| (file, document));
    names.into_iter().filter_map(read).collect()
}

/// Says that what needs this document is skipped.
fn skipped(name: &str) {
    // Not by `eprintln!`: what that prints, the harness hides when the test passes, and a test that skips does pass.
    drop(writeln!(
        io::stderr(),
        "skipped: {} cannot be read; set {VARIABLE} to the folder it is in",
        path(name).display()
    ));
}

fn path(name: &str) -> PathBuf {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = env::var_os(VARIABLE).filter(|folder| !folder.is_empty()).map_or_else(beside, PathBuf::from);
    folder.join(name)
}
