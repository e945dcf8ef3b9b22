//! A function compiles with the attribute exactly when it compiles without it.
//!
//! Each snippet of the tables is compiled twice: without the attribute, and with the attribute in place of
//! `#[attr]`. Snippets that compile must compile without warnings, with more lints than the default ones
//! enabled. Snippets that do not compile must fail with the same errors on the same lines, so that the
//! attribute hides nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "compiles/borrows.rs"]
mod borrows;
#[path = "compiles/control.rs"]
mod control;
#[path = "compiles/errors.rs"]
mod errors;
#[path = "compiles/futures.rs"]
mod futures;
#[path = "compiles/generics.rs"]
mod generics;
#[path = "compiles/grammar.rs"]
mod grammar;
#[path = "compiles/items.rs"]
mod items;
#[path = "compiles/limits.rs"]
mod limits;
#[path = "compiles/lints.rs"]
mod lints;
#[path = "compiles/macros.rs"]
mod macros;
#[path = "compiles/names.rs"]
mod names;
#[path = "compiles/others.rs"]
mod others;
#[path = "compiles/own_names.rs"]
mod own_names;
#[path = "compiles/patterns.rs"]
mod patterns;
#[path = "compiles/receivers.rs"]
mod receivers;
#[path = "compiles/streams.rs"]
mod streams;
#[path = "compiles/traits.rs"]
mod traits;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::thread;

use tests::rustc::{Code, Compiled, Diagnostic, Rustc};

const EDITIONS: [&str; 3] = ["2018", "2021", "2024"];
const LATEST: &str = EDITIONS[2];

/// The attribute, with a path that no item in a snippet can shadow.
const ATTRIBUTE: &str = "#[::promptlayer_tracing::promptlayer";

/// The lints to deny, including lints that are allowed by default but that a user may enable.
const LINTS: &str = "warnings, rust_2018_idioms, elided_lifetimes_in_paths, explicit_outlives_requirements, \
     let_underscore_drop, redundant_lifetimes, trivial_casts, trivial_numeric_casts, unit_bindings, \
     unreachable_pub, unused_import_braces, unused_lifetimes, unused_qualifications, unused_results";

static RUSTC: LazyLock<Rustc> = LazyLock::new(|| {
    Rustc::of(
        "compiles",
        &["promptlayer_tracing", "tracing", "futures_core", "async_trait", "serde", "tokio"],
    )
});

/// One or more functions to compile.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Snippet {
    name: &'static str,
    /// The first edition in which the snippet has the intended meaning.
    since: &'static str,
    code: &'static str,
    /// The codes of the compiler's errors, the same with and without the attribute. Some errors have an empty
    /// code. The list is empty if the snippet compiles.
    errors: &'static [&'static str],
}

/// Creates a snippet that compiles.
const fn ok(name: &'static str, since: &'static str, code: &'static str) -> Snippet {
    Snippet { name, since, code, errors: &[] }
}

/// Creates a snippet that does not compile.
const fn err(
    name: &'static str,
    since: &'static str,
    errors: &'static [&'static str],
    code: &'static str,
) -> Snippet {
    Snippet { name, since, code, errors }
}

/// The two versions of a snippet: without and with the attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Twin {
    Plain,
    Annotated,
}

impl Snippet {
    fn text(&self, twin: Twin) -> String {
        match twin {
            Twin::Plain => without_attributes(self.code),
            Twin::Annotated => self.code.replace("#[attr", ATTRIBUTE),
        }
    }

    /// Returns the snippet as a module.
    fn module(&self, twin: Twin) -> String {
        format!("pub mod {} {{ {}\n}}\n", self.name, self.text(twin))
    }
}

/// Removes every `#[attr(…)]` from the code. All other code stays on its line.
fn without_attributes(code: &str) -> String {
    let mut parts = code.split("#[attr");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        let (mut depth, mut is_text) = (1_u32, false);
        let end = part
            .char_indices()
            .find(|(_, character)| {
                match character {
                    '"' => is_text = !is_text,
                    '[' if !is_text => depth += 1,
                    ']' if !is_text => depth -= 1,
                    _ => {}
                }
                depth == 0
            })
            .unwrap()
            .0;
        plain.extend(part[..end].chars().filter(|character| *character == '\n'));
        plain.push_str(&part[end + 1..]);
    }
    plain
}

fn compile(edition: &str, modules: &str) -> Compiled {
    let text = format!("#![deny({LINTS})] {modules}");
    RUSTC.compile(Code { edition, text: &text, is_built: false })
}

/// Runs a check on every item, on all cores, and returns the problems it finds.
fn on_all_cores<T: Sync>(items: &[T], check: impl Fn(&T) -> Option<String> + Sync) -> Vec<String> {
    let (next, said) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let _worker = scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = check(item);
                    said.lock().unwrap().extend(found);
                }
            });
        }
    });
    said.into_inner().unwrap()
}

fn rendered(compiled: &Compiled) -> String {
    compiled.diagnostics.iter().map(|diagnostic| diagnostic.rendered.as_str()).collect()
}

/// Compiles all snippets of a table that should compile, as one crate per edition. If a crate fails, compiles
/// each of its snippets alone.
fn assert_compiles(table: &[Snippet]) {
    let twins: Vec<(&str, Twin)> = EDITIONS
        .into_iter()
        .flat_map(|edition| [Twin::Plain, Twin::Annotated].map(|twin| (edition, twin)))
        .collect();
    let failed = on_all_cores(&twins, |(edition, twin)| {
        let of_edition: Vec<&Snippet> =
            table.iter().filter(|snippet| snippet.errors.is_empty() && snippet.since <= *edition).collect();
        let modules: String = of_edition.iter().map(|snippet| snippet.module(*twin)).collect();
        if compile(edition, &modules).success {
            return None;
        }
        let alone = on_all_cores(&of_edition, |snippet| {
            let compiled = compile(edition, &snippet.module(*twin));
            let said = || format!("\n== {} {twin:?} {edition}\n{}", snippet.name, rendered(&compiled));
            (!compiled.success).then(said)
        });
        Some(if alone.is_empty() {
            format!("\n== {twin:?} {edition}: each compiles alone, and all of them together do not")
        } else {
            alone.concat()
        })
    });
    assert!(failed.is_empty(), "{}", failed.concat());
}

/// Compiles each snippet that should not compile, in its first edition and in the latest one, and compares the
/// errors.
fn assert_refused(table: &[Snippet]) {
    let cases: Vec<(&Snippet, &str)> = table
        .iter()
        .filter(|snippet| !snippet.errors.is_empty())
        .flat_map(|snippet| [snippet.since, LATEST].map(|edition| (snippet, edition)))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let failed = on_all_cores(&cases, |(snippet, edition)| refused(snippet, edition));
    assert!(failed.is_empty(), "{}", failed.concat());
}

fn refused(snippet: &Snippet, edition: &str) -> Option<String> {
    let [plain, annotated] =
        [Twin::Plain, Twin::Annotated].map(|twin| compile(edition, &snippet.module(twin)));
    let places = |compiled: &Compiled| -> BTreeSet<(Option<String>, Option<u64>)> {
        compiled.diagnostics.iter().map(|said| (said.code.clone(), said.line)).collect()
    };
    let codes: BTreeSet<&str> =
        plain.diagnostics.iter().map(|said| said.code.as_deref().unwrap_or_default()).collect();
    let mut wrong = String::new();
    if codes != snippet.errors.iter().copied().collect() {
        let _ = writeln!(wrong, "the table says {:?}, without the attribute it is {codes:?}", snippet.errors);
    }
    if places(&plain) != places(&annotated) {
        let _ = writeln!(
            wrong,
            "without the attribute:\n{}and with it:\n{}",
            rendered(&plain),
            rendered(&annotated)
        );
    }
    (!wrong.is_empty()).then(|| format!("\n== {} {edition}\n{wrong}", snippet.name))
}

const TABLES: &[&[Snippet]] = &[
    borrows::TABLE,
    control::TABLE,
    errors::TABLE,
    futures::TABLE,
    generics::TABLE,
    grammar::TABLE,
    items::TABLE,
    lints::TABLE,
    macros::TABLE,
    names::TABLE,
    others::TABLE,
    patterns::TABLE,
    receivers::TABLE,
    streams::TABLE,
    traits::TABLE,
];

#[test]
fn valid_code_compiles_with_the_attribute() {
    assert_compiles(&TABLES.concat());
}

#[test]
fn invalid_code_fails_with_the_same_errors_with_the_attribute() {
    assert_refused(&TABLES.concat());
}

/// If a difference no longer exists, remove it from the table.
#[test]
fn known_differences_still_exist() {
    let same: Vec<&str> = limits::TABLE
        .iter()
        .filter(|limit| refused(limit, LATEST).is_none())
        .map(|limit| limit.name)
        .collect();
    assert!(same.is_empty(), "no longer different: {same:?}");
}

/// Clippy also checks generated code, so it could report code that the user did not write.
#[test]
fn clippy_reports_nothing_more_with_the_attribute() {
    let Some(clippy) = RUSTC.clone().clippy() else {
        println!("skipped: there is no clippy beside this compiler");
        return;
    };
    let [plain, annotated] = [Twin::Plain, Twin::Annotated].map(|twin| {
        let modules: String = TABLES
            .concat()
            .iter()
            .filter(|snippet| snippet.errors.is_empty())
            .map(|snippet| snippet.module(twin))
            .collect();
        let text = format!("#![warn(clippy::all, clippy::pedantic, clippy::nursery)] {modules}");
        clippy.compile(Code { edition: "2024", text: &text, is_built: false }).diagnostics
    });
    assert!(plain.len() > 100, "clippy does not look: {}", plain.len());
    let key = |said: &Diagnostic| (said.code.clone(), said.line);
    let of_plain: BTreeSet<_> = plain.iter().map(key).collect();
    let more: String = annotated
        .iter()
        .filter(|said| !of_plain.contains(&key(said)))
        .map(|said| said.rendered.as_str())
        .collect();
    assert!(more.is_empty(), "{more}");
}

#[test]
fn library_can_be_renamed_and_reexported() {
    let rustc = RUSTC.clone().renamed("promptlayer_tracing", "observed");
    let text = "
        pub mod telemetry { pub use ::observed as layer; }

        #[observed::promptlayer(crate = observed, tags = [\"a\"])]
        pub fn renamed(question: &str) -> Result<String, String> { Ok(question.to_owned()) }

        #[telemetry::layer::promptlayer(crate = crate::telemetry::layer, kind = \"llm\")]
        pub async fn exported(question: &str) -> Result<String, String> { Ok(question.to_owned()) }

        #[telemetry::layer::promptlayer(crate = telemetry::layer, prompt = \"greeting\", err, ret)]
        pub fn relative(question: &str) -> Result<String, String> { Ok(question.to_owned()) }";
    for edition in EDITIONS {
        let compiled = rustc.compile(Code { edition, text, is_built: false });
        assert!(compiled.success, "{edition}: {}", rendered(&compiled));
    }
}

#[test]
fn no_std_crate_can_use_the_attribute() {
    let text = "
        #![no_std]
        extern crate alloc;
        use alloc::{boxed::Box, string::String, borrow::ToOwned as _};
        use core::{future::Future, pin::Pin};
        #[promptlayer_tracing::promptlayer(err, ret)]
        pub fn ask(question: &str) -> Result<String, String> { Ok(question.to_owned()) }
        #[promptlayer_tracing::promptlayer]
        pub async fn later(question: &str) -> Result<String, String> { Ok(question.to_owned()) }
        #[promptlayer_tracing::promptlayer]
        pub fn boxed(question: &str) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> { Box::pin(async { question.len() }) }
        #[promptlayer_tracing::promptlayer]
        pub fn hidden(question: &str) -> impl Future<Output = usize> + '_ { async { question.len() } }";
    for edition in ["2021", "2024"] {
        let compiled = RUSTC.compile(Code { edition, text, is_built: false });
        assert!(compiled.success, "{edition}: {}", rendered(&compiled));
    }
}

#[test]
fn removing_the_attribute_moves_no_line() {
    let code = "a\n#[attr(tags = [\"]\"],\n name = \"x\")] b\n#[attr]\nc";
    assert_eq!(without_attributes(code), "a\n\n b\n\nc");
}

#[test]
fn snippet_names_are_unique() {
    let mut names = BTreeSet::new();
    for snippet in TABLES.concat() {
        assert!(names.insert(snippet.name), "{}", snippet.name);
        assert!(EDITIONS.contains(&snippet.since), "{}", snippet.name);
        assert!(snippet.code.contains("#[attr"), "{}", snippet.name);
    }
}
