//! Reads the documents that the tests of several crates share.
//!
//! The project's own documents are in `tests/fixtures`; `tests/fixtures/README.md` describes them. An external
//! folder with PromptLayer's API document and with recordings of real programs adds to them if it exists. It is
//! the folder in `PROMPTLAYER_SHARED`, else `shared` beside the checkout. It is never stored in this repository.
//!
//! Every function panics if a document of the project is missing, or if any document is not what it should be:
//! a check without its document would never fail.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Value, json};

/// The environment variable with the external folder.
const VARIABLE: &str = "PROMPTLAYER_SHARED";

/// The recorded scenes: the names of the project's own, and of external scenes of the same kind.
const SCENES: [(&str, &str); 6] = [
    ("langchain_chat", "langchain_1_chatopenai"),
    ("langchain_completion", "langchain_2_gpt4all"),
    ("langchain_full", "langchain_3_full_featured"),
    ("python_log_request", "new_log_request"),
    ("python_otlp", "new_traceable"),
    ("python_spans", "spans_bulk_py_1.4.7"),
];

/// Returns the exchanges with providers, sorted by name. The names are those of the files, without the
/// extension.
pub(crate) fn exchanges() -> Vec<(String, Value)> {
    let mut exchanges = own_folder("exchanges");
    exchanges.extend(folder(&external("fixtures")));
    exchanges.sort_by(|(one, _), (other, _)| one.cmp(other));
    exchanges
}

/// Returns the API documents: the project's own, and PromptLayer's if it is available.
pub(crate) fn contracts() -> Vec<Value> {
    let mut own = Value::Null;
    for (_, part) in own_folder("contract") {
        merge(&mut own, part);
    }
    [own].into_iter().chain(document(&external("openapi.json"))).collect()
}

/// Returns the templates with their variables and with what PromptLayer's Python client makes of them.
pub(crate) fn render_vectors() -> Vec<Value> {
    let recorded = document(&external("wire/render_vectors.json"));
    let mut vectors = [own_document("render_vectors")]
        .into_iter()
        .chain(recorded)
        .flat_map(|vectors| match vectors {
            Value::Array(vectors) => vectors,
            other => panic!("these are no vectors: {other}"),
        })
        .collect::<Vec<_>>();
    for vector in &mut vectors {
        if vector["template"] == "{{ b }} {{ f }}" {
            // The output was recorded with the float 1.0. JavaScript wrote it to the file as 1, which is the
            // integer 1, and Python renders that as `1`.
            vector["variables"]["f"] = json!(1.0);
        }
    }
    vectors
}

/// Returns the cases of errors, each with the error type that PromptLayer's Python client gives it.
pub(crate) fn error_vectors() -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => panic!("no text: {other}"),
    };
    let own = own_document("error_vectors");
    let own = own.as_object().into_iter().flatten();
    let own = own.flat_map(|(kind, cases)| list(cases).iter().map(|case| (text(case), kind.clone())));
    let recorded = document(&external("wire/error_category_vectors.json")).unwrap_or_default();
    let recorded =
        list(&recorded["python"]).iter().map(|vector| (text(&vector["case"]), text(&vector["python"])));
    own.chain(recorded).collect()
}

/// Returns the project's own scene of this name, and the external one of the same kind if it is available.
pub(crate) fn scenes(name: &str) -> Vec<Value> {
    let Some((own, recorded)) = SCENES.iter().find(|(own, _)| *own == name) else {
        panic!("there is no scene {name}");
    };
    let own = own_document(&format!("scenes/{own}"));
    [own].into_iter().chain(document(&external(&format!("wire/{recorded}.json")))).collect()
}

/// Reads a document of the project.
fn own_document(name: &str) -> Value {
    let path = own(&format!("{name}.json"));
    document(&path).unwrap_or_else(|| panic!("{} is missing", path.display()))
}

/// Reads the documents in a folder of the project.
fn own_folder(name: &str) -> Vec<(String, Value)> {
    let documents = folder(&own(name));
    assert!(!documents.is_empty(), "{} is missing or empty", own(name).display());
    documents
}

/// Reads the JSON documents in a folder, sorted by name. Returns an empty list if the folder does not exist.
fn folder(path: &Path) -> Vec<(String, Value)> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    let read = |name: String| document(&path.join(format!("{name}.json"))).map(|document| (name, document));
    names.into_iter().filter_map(read).collect()
}

/// Reads a JSON document. Returns `None` if the file does not exist.
fn document(path: &Path) -> Option<Value> {
    let text = fs::read_to_string(path).ok()?;
    match serde_json::from_str(&text) {
        Ok(document) => Some(document),
        Err(error) => panic!("{} is not JSON: {error}", path.display()),
    }
}

/// Adds the fields of a part to a document.
fn merge(document: &mut Value, part: Value) {
    match (document, part) {
        (Value::Object(document), Value::Object(part)) => {
            for (name, value) in part {
                merge(document.entry(name).or_insert(Value::Null), value);
            }
        }
        (document, part) if document.is_null() => *document = part,
        (document, part) => panic!("two parts state the same: {document} and {part}"),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

fn external(name: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = env::var_os(VARIABLE).filter(|folder| !folder.is_empty()).map_or_else(beside, PathBuf::from);
    folder.join(name)
}
