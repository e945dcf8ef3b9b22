//! Declares and runs the cases of a client crate.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use tracing_subscriber::prelude::*;

use crate::expected::{Difference, Field};
use crate::server::Server;
use crate::{Case, KEY, QUESTION, Scripted, Wire, version};

/// What the caller of the crate received: the text of the answer, the call of a tool as `name arguments`, or
/// the vector of an embedding.
pub type Outcome = Result<String, Box<dyn Error>>;

/// How long a call may take. Some crates repeat a failed request without end.
const LIMIT: Duration = Duration::from_mins(1);

type Call = Box<dyn Fn(String) -> Pin<Box<dyn Future<Output = Outcome>>>>;

type Check = Box<dyn Fn() -> Result<(), String>>;

/// The cell of a case whose log is right.
const RIGHT: &str = "right";

/// A client crate and its APIs.
pub struct Client {
    /// Name of the crate.
    pub name: String,
    /// Version of the crate, from the lock file.
    pub version: String,
    pub(crate) apis: Vec<Api>,
}

impl Client {
    /// Creates a client for the crate `name`, on which the package `package` depends.
    pub fn new(package: &str, name: &str) -> Self {
        Self { name: name.to_owned(), version: version::locked(package, name), apis: Vec::new() }
    }

    /// Adds an API.
    #[must_use]
    pub fn api(mut self, api: Api) -> Self {
        self.apis.push(api);
        self
    }
}

/// An API of a client crate: the calls of its cases.
pub struct Api {
    pub(crate) name: String,
    wire: Wire,
    calls: BTreeMap<Case, Call>,
    checks: BTreeMap<Case, Check>,
    lacks: Vec<(Case, Field, &'static str)>,
    sends_key: bool,
}

impl Api {
    /// Creates an API without cases. `name` is the name in the table.
    pub fn new(name: &str, wire: Wire) -> Self {
        Self {
            name: name.to_owned(),
            wire,
            calls: BTreeMap::new(),
            checks: BTreeMap::new(),
            lacks: Vec::new(),
            sends_key: true,
        }
    }

    /// Creates an API whose calls make no request log. Its cases are checks.
    pub fn without_requests(name: &str) -> Self {
        Self::new(name, Wire::default())
    }

    /// Sets the check of a case that makes no request log. It returns what is wrong.
    #[must_use]
    pub fn check(mut self, case: Case, check: impl Fn() -> Result<(), String> + 'static) -> Self {
        self.checks.insert(case, Box::new(check));
        self
    }

    /// Sets the call of a case. It receives the base URL of the server: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn case<F: Future<Output = Outcome> + 'static>(
        mut self,
        case: Case,
        call: impl Fn(String) -> F + 'static,
    ) -> Self {
        self.calls.insert(case, Box::new(move |url| Box::pin(call(url))));
        self
    }

    /// States that the log of a case cannot have a part, with the reason, which lies in the crate.
    ///
    /// A part that is declared as lacking must differ: a declaration that no longer holds is a failure.
    #[must_use]
    pub fn lacks(mut self, case: Case, field: Field, reason: &'static str) -> Self {
        self.lacks.push((case, field, reason));
        self
    }

    /// States what the calls need besides the attribute. The table says it beside the name.
    #[must_use]
    pub fn needs(mut self, what: &str) -> Self {
        self.name = format!("{}; needs {what}", self.name);
        self
    }

    /// States that the API has no key.
    #[must_use]
    pub fn keyless(mut self) -> Self {
        self.sends_key = false;
        self
    }

    /// Runs a case. Returns its cell, or what is wrong.
    pub(crate) fn run(&self, case: Case) -> Option<Result<String, String>> {
        if let Some(check) = self.checks.get(&case) {
            return Some(check().map(|()| RIGHT.to_owned()));
        }
        let call = self.calls.get(&case)?;
        let scripts = self.wire.scripts(case);
        assert!(!scripts.is_empty(), "the format of {} has no case {case}", self.name);
        let found: Vec<Difference> = scripts.iter().flat_map(|scripted| self.once(call, scripted)).collect();
        let lacks: Vec<_> = self.lacks.iter().filter(|(of, ..)| *of == case).collect();
        let declared: BTreeSet<Field> = lacks.iter().map(|(_, field, _)| *field).collect();
        let unexpected = found.iter().filter(|difference| !declared.contains(&difference.field));
        let mut wrong: Vec<String> =
            unexpected.map(|difference| format!("{}: {}", difference.field, difference.text)).collect();
        for field in &declared {
            if *field == Field::Other || !found.iter().any(|difference| difference.field == *field) {
                wrong.push(format!("{field}: declared as lacking, but it is right"));
            }
        }
        if !wrong.is_empty() {
            return Some(Err(wrong.join("\n")));
        }
        if lacks.is_empty() {
            return Some(Ok(RIGHT.to_owned()));
        }
        let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (_, field, reason) in lacks {
            by_reason.entry(reason).or_default().push(format!("the {field}"));
        }
        let parts =
            by_reason.iter().map(|(reason, fields)| format!("all but {}: {reason}", fields.join(" and ")));
        Some(Ok(parts.collect::<Vec<_>>().join("; ")))
    }

    /// Runs a call once.
    fn once(&self, call: &Call, scripted: &Scripted) -> Vec<Difference> {
        let server = Server::start(scripted.answers.clone());
        let (layer, captured) = promptlayer_tracing::layer().in_memory().expect("a layer");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let outcome = tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let call = async { tokio::time::timeout(LIMIT, call(server.url())).await };
            runtime.block_on(call).unwrap_or_else(|_| Err("the call does not end".into()))
        });
        let mut found = scripted.expected.differences(&captured.requests());
        let mut other = |text: String| found.push(Difference { field: Field::Other, text });
        match (&outcome, &scripted.expected.error) {
            (Ok(received), None) if *received == scripted.expected.received => {}
            (Err(_), Some(_)) => {}
            (outcome, _) => other(format!("the caller received {outcome:?}")),
        }
        let received = server.received();
        let has_question = received.iter().any(|request| request.body.to_string().contains(QUESTION));
        if !has_question {
            other(format!("the server did not receive the question: {received:?}"));
        }
        let has_key = |(_, value): &(String, String)| value.contains(KEY);
        let has_key =
            received.iter().any(|request| request.path.contains(KEY) || request.headers.iter().any(has_key));
        if has_key != self.sends_key {
            other(format!("the server received the key: {has_key}"));
        }
        found
    }
}
