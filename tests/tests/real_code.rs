//! Applies the attribute without arguments to every async function of a published crate, `async-openai`. Cargo
//! has its source because this package depends on it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Features of the crate that add functions but no further dependencies. TLS is not among them.
const FEATURES: &[&str] = &[
    "byot",
    "chat-completion",
    "completions",
    "responses",
    "embedding",
    "file",
    "image",
    "audio",
    "model",
    "moderation",
    "batch",
    "finetuning",
    "vectorstore",
    "upload",
    "video",
    "container",
    "skill",
    "evals",
    "administration",
    "chatkit",
];

const ATTRIBUTE: &str = "#[promptlayer_tracing::promptlayer]\n";

#[test]
#[ignore = "compiles a whole crate: run by .ci/thorough"]
fn async_functions_of_a_published_crate_compile_annotated() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real_code");
    let _ = fs::remove_dir_all(&folder);
    let (sample, subject) = (folder.join("async-openai"), folder.join("subject"));
    let functions = copy_annotated(&source_of("async-openai"), &sample);
    assert!(functions >= 60, "only {functions} functions were found");

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = sample.join("Cargo.toml");
    let library = root.join("promptlayer-tracing");
    append(
        &manifest,
        &format!("\n[dependencies.promptlayer-tracing]\npath = {library:?}\ndefault-features = false\n"),
    );
    fs::create_dir_all(subject.join("src")).unwrap();
    fs::write(subject.join("src/lib.rs"), "").unwrap();
    fs::copy(root.join("Cargo.lock"), subject.join("Cargo.lock")).unwrap();
    fs::write(
        subject.join("Cargo.toml"),
        format!(
            "[workspace]\n[package]\nname = \"subject\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n\
             async-openai = {{ path = \"../async-openai\", default-features = false, features = {FEATURES:?} }}\n"
        ),
    )
    .unwrap();

    let checked = cargo()
        .args(["check", "--offline", "--quiet", "--target-dir"])
        .arg(folder.join("target"))
        .current_dir(&subject)
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "of {functions} functions some do not compile:\n{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()))
}

/// Returns the host platform of the compiler.
fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// Returns the folder in which cargo stores the source of a dependency.
fn source_of(name: &str) -> PathBuf {
    // Dependencies of other platforms may not be on this machine.
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let package =
        metadata["packages"].as_array().unwrap().iter().find(|package| package["name"] == name).unwrap();
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

/// Copies a crate and adds the attribute to every async function with a body. Returns the number of these
/// functions.
fn copy_annotated(from: &Path, to: &Path) -> usize {
    fs::create_dir_all(to).unwrap();
    let mut functions = 0;
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            functions += copy_annotated(&path, &copy);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let (text, found) = annotated(&fs::read_to_string(&path).unwrap());
            fs::write(copy, text).unwrap();
            functions += found;
        } else if entry.file_name() == "Cargo.toml" {
            fs::write(copy, fs::read(&path).unwrap()).unwrap();
        }
    }
    functions
}

fn annotated(source: &str) -> (String, usize) {
    let (mut text, mut functions) = (String::new(), 0);
    let mut rest = source;
    while let Some((line, after)) = rest.split_once('\n') {
        let declared = line.trim_start();
        let is_async = ["async fn ", "pub async fn ", "pub(crate) async fn "]
            .iter()
            .any(|head| declared.starts_with(head));
        // The declaration of a trait method ends with `;` before any brace.
        let has_body = || rest.find(['{', ';']).is_some_and(|end| rest.as_bytes()[end] == b'{');
        if is_async && has_body() {
            text.push_str(ATTRIBUTE);
            functions += 1;
        }
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(rest);
    (text, functions)
}

fn append(file: &Path, text: &str) {
    let whole = fs::read_to_string(file).unwrap() + text;
    fs::write(file, whole).unwrap();
}
