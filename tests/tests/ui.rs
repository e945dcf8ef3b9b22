//! Compiler errors for wrong uses of the attribute, and warnings of what it cannot log. Each use is a file, with
//! the expected text next to it.
//!
//! `UI=overwrite cargo test -p tests --test ui` updates the expected texts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::{fs, thread};

use tests::rustc::{Code, Compiled, Rustc};

static RUSTC: LazyLock<Rustc> =
    LazyLock::new(|| Rustc::of("ui", &["promptlayer_tracing", "tracing", "futures_core"]));

/// Returns the source files in a folder below `ui`, by name.
fn sources(folder: &str) -> BTreeMap<String, PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui").join(folder);
    fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), path))
        .collect()
}

fn compile(source: &Path, is_built: bool) -> Compiled {
    let text = fs::read_to_string(source).unwrap();
    RUSTC.compile(Code { edition: "2024", text: &text, is_built })
}

/// Shortens paths that the compiler writes in full if any crate of the program has an item of the same name, such as
/// those of OpenTelemetry do. Whether it does depends on the features of this build.
fn short_paths(line: &str) -> String {
    line.replace("std::string::String", "String").replace("std::fmt::Debug", "Debug")
}

/// Returns the text of the errors or warnings, without details of this machine or of the library's own sources.
fn said(name: &str, level: &str, compiled: &Compiled) -> String {
    let mut said = String::new();
    for diagnostic in compiled.diagnostics.iter().filter(|diagnostic| diagnostic.level == level) {
        let mut is_elsewhere = false;
        for line in diagnostic.rendered.lines() {
            let is_place = line.trim_start().starts_with("-->") || line.trim_start().starts_with(":::");
            if is_place {
                is_elsewhere = !line.contains("<anon>");
            } else if !line.starts_with([' ', '|']) && !line.starts_with(|first: char| first.is_ascii_digit())
            {
                is_elsewhere = false;
            }
            // Notes after a location in another file begin with `=`.
            let is_shown = !is_elsewhere || line.trim_start().starts_with("= ");
            if is_shown && !line.contains("long-type") && !line.contains("using `--verbose`") {
                said.push_str(&short_paths(&line.trim_end().replace("<anon>", &format!("{name}.rs"))));
                said.push('\n');
            }
        }
    }
    said
}

/// Compiles one mistake, or a use that the compiler warns of. Returns a description if the text differs from the
/// expected one.
fn check(name: &str, level: &str, source: &Path) -> Option<String> {
    let compiled = compile(source, true);
    if compiled.success != (level == "warning") {
        return Some(format!("\n== {name} compiles: {}\n", compiled.success));
    }
    let (found, beside) = (said(name, level, &compiled), source.with_extension("stderr"));
    if std::env::var_os("UI").is_some_and(|mode| mode == "overwrite") {
        fs::write(&beside, found).unwrap();
        return None;
    }
    let expected = fs::read_to_string(&beside).unwrap_or_default();
    (expected != found).then(|| format!("\n== {name}: expected\n{expected}\nand found\n{found}"))
}

/// Compiles all uses in a folder below `ui`. Returns their number.
fn check_all(folder: &str, level: &str) -> usize {
    let sources: Vec<(String, PathBuf)> = sources(folder).into_iter().collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let _worker = scope.spawn(|| {
                while let Some((name, source)) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = check(name, level, source);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.concat());
    sources.len()
}

#[test]
fn every_mistake_has_its_expected_error() {
    assert!(check_all("err", "error") > 70);
}

#[test]
fn values_that_are_not_logged_have_their_expected_warning() {
    assert!(check_all("warn", "warning") > 2);
}

#[test]
fn valid_uses_compile_without_warnings() {
    for (name, source) in sources("ok") {
        let compiled = compile(&source, true);
        assert!(compiled.success, "{name}: {}", said(&name, "error", &compiled));
        assert!(compiled.diagnostics.is_empty(), "{name}: {:#?}", compiled.diagnostics);
    }
}
