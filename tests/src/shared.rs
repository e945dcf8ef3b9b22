//! Reads reference documents from an external folder. They are never stored in this repository.

use std::io::{self, Write};
use std::path::PathBuf;
use std::{env, fs};

use serde_json::Value;

/// The environment variable with the folder of reference documents.
const VARIABLE: &str = "PROMPTLAYER_SHARED";

/// Reads a JSON document. If it does not exist, writes a message to standard error and returns `None`.
///
/// The folder is that in `PROMPTLAYER_SHARED`, else `shared` beside the checkout.
///
/// # Panics
///
/// Panics if the document exists but is not JSON, because a check without its document would never fail.
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

/// Reads the JSON documents in a subfolder, with their names without the extension. If the subfolder does not
/// exist, writes a message to standard error and returns an empty list.
///
/// # Panics
///
/// Panics if one of them is not JSON.
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

/// Writes a message that the tests for this document are skipped.
fn skipped(name: &str) {
    // Do not use `eprintln!`: the test harness hides its output if the test passes, and a skipped test
    // passes.
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
