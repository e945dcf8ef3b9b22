//! Checks that every test named in the table of `docs/reliability.md` exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The folders that contain tests.
const FOLDERS: [&str; 7] = [
    "tests",
    "../promptlayer-blueprint/src",
    "../promptlayer-client/src",
    "../promptlayer-tracing/src",
    "../promptlayer-macros/src",
    "../promptlayer-local/src",
    "../promptlayer-local/tests",
];

/// Collects the names of all test functions in a folder and its subfolders. Ignored tests do not count.
fn tests_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                let declared = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
                match declared.and_then(|rest| rest.split(['(', '<']).next()) {
                    Some(name) if is_test => {
                        found.insert(name.to_owned());
                        is_test = false;
                    }
                    Some(_) => is_test = false,
                    None if line.starts_with("#[test]") || line.starts_with("#[tokio::test") => {
                        is_test = true;
                    }
                    None if line.starts_with("#[ignore") => is_test = false,
                    None => {}
                }
            }
        }
    }
}

#[test]
fn every_row_of_the_table_names_tests_that_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for folder in FOLDERS {
        tests_in(&root.join(folder), &mut tests);
    }
    let page = fs::read_to_string(root.join("../docs/reliability.md")).unwrap();
    let table = page.split("## What is checked").nth(1).unwrap();
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let Some(last) = line.trim_end_matches('|').rsplit('|').next() else { continue };
        let names: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        for name in &names {
            assert!(tests.contains(*name), "there is no test `{name}`: {line}");
        }
        rows += usize::from(!names.is_empty());
    }
    assert!(rows >= 40, "{rows} rows");
}
