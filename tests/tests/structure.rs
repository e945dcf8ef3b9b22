//! Checks that the imports between the files of each crate have no cycle, and that each dependency has a reason.
//!
//! A folder's `mod.rs` and the files below it count as one: a parent re-exports its children, and they use its types.
#![allow(clippy::unwrap_used, reason = "a test stops where it finds what should not be")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 5] = [
    "promptlayer-macros",
    "promptlayer-blueprint",
    "promptlayer-client",
    "promptlayer-tracing",
    "promptlayer-local",
];

/// A module, as its path from the crate's root.
type Module = Vec<String>;

/// Collects the modules below a folder with their files. Test modules are left out.
fn modules_in(folder: &Path, parent: &Module, found: &mut BTreeMap<Module, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name.ends_with("tests") {
            continue;
        }
        let mut module = parent.clone();
        if path.is_dir() {
            module.push(name);
            modules_in(&path, &module, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            if !["lib", "main", "mod"].contains(&name.as_str()) {
                module.push(name);
            }
            found.insert(module, path);
        }
    }
}

/// The names of a path such as `a::b::C`, as far as they are lower-case: those of modules.
fn names(path: &str) -> Vec<String> {
    path.split("::")
        .map(|name| name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>())
        .take_while(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

/// Returns the modules that a file names by `crate::` or `super::`.
fn named_in(text: &str, module: &Module) -> Vec<Module> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut named = Vec::new();
    for line in lines {
        for (at, _) in line.match_indices("crate::") {
            named.push(names(&line[at + "crate::".len()..]));
        }
        let mut rest = line;
        while let Some(at) = rest.find("super::") {
            let mut base = module.clone();
            rest = &rest[at..];
            while let Some(after) = rest.strip_prefix("super::") {
                base.pop();
                rest = after;
            }
            base.extend(names(rest));
            named.push(base);
        }
    }
    named
}

/// Finds a cycle that can be reached from a module.
fn cycle(
    module: &Module,
    imports: &BTreeMap<Module, BTreeSet<Module>>,
    way: &mut Vec<Module>,
    done: &mut BTreeSet<Module>,
) -> Option<Vec<Module>> {
    if let Some(start) = way.iter().position(|one| one == module) {
        return Some(way[start..].to_vec());
    }
    if !done.insert(module.clone()) {
        return None;
    }
    way.push(module.clone());
    let found = imports[module].iter().find_map(|next| cycle(next, imports, way, done));
    way.pop();
    found
}

#[test]
fn imports_between_files_have_no_cycle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in CRATES {
        let mut files = BTreeMap::new();
        modules_in(&root.join(name).join("src"), &Module::new(), &mut files);
        assert!(files.len() > 5, "{name} has {} files", files.len());
        let owner = |mut path: Module| {
            while !files.contains_key(&path) && path.pop().is_some() {}
            path
        };
        let mut imports = BTreeMap::new();
        for (module, file) in &files {
            let text = fs::read_to_string(file).unwrap();
            let named = named_in(&text, module).into_iter().map(owner);
            let others = named.filter(|other| !other.starts_with(module) && !module.starts_with(other));
            imports.insert(module.clone(), others.collect::<BTreeSet<Module>>());
        }
        let mut done = BTreeSet::new();
        for module in files.keys() {
            let found = cycle(module, &imports, &mut Vec::new(), &mut done);
            assert_eq!(found, None, "files of {name} import each other");
        }
    }
}

/// Returns the names of a manifest's dependencies, without those of tests.
fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let mut is_of_program = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_of_program = line.ends_with("dependencies]") && !line.contains("dev-dependencies");
        } else if is_of_program && line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            names.extend(line.split(['.', ' ', '=']).next());
        }
    }
    names
}

/// Returns the names in the first column of a crate's table that have a reason in the last one.
fn reasons<'a>(page: &'a str, crate_name: &str) -> BTreeSet<&'a str> {
    let mut sections = page.split("\n## ");
    let section =
        sections.find(|section| section.starts_with(&format!("{crate_name}\n"))).unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let has_reason = |rest: &str| rest.rsplit('|').nth(1).is_some_and(|reason| !reason.trim().is_empty());
    rows.filter(|(_, rest)| has_reason(rest)).map(|(name, _)| name).collect()
}

#[test]
fn every_dependency_has_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/dependencies.md")).unwrap();
    for name in CRATES {
        let manifest = fs::read_to_string(root.join(name).join("Cargo.toml")).unwrap();
        assert_eq!(reasons(&page, name), dependencies(&manifest), "{name} in docs/dependencies.md");
    }
}
