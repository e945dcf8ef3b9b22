//! The table of subjects, and their programs.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use harness::Error;
use harness::protocol::{LIST, Listed};
use harness::work::Work;
use serde_json::Value;

use crate::args::Options;

/// A way to record calls.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    package: &'static str,
    role: Role,
}

/// Which parts measure a subject.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The calling thread.
    Calls,
    /// The export.
    Export,
    Both,
}

/// The subject that the others are compared with.
pub(crate) const OURS: &str = "promptlayer";

pub(crate) const SUBJECTS: &[Subject] = &[
    Subject { name: "none", what: "no attribute", package: "subject-baseline", role: Role::Calls },
    Subject {
        name: "instrument",
        what: "#[tracing::instrument] and a registry without layers, no content: the floor",
        package: "subject-baseline",
        role: Role::Calls,
    },
    Subject {
        name: "serde_json",
        what: "one serialization of prompt and reply: the limit",
        package: "subject-baseline",
        role: Role::Calls,
    },
    Subject {
        name: OURS,
        what: "#[promptlayer] and its layer",
        package: "subject-promptlayer",
        role: Role::Both,
    },
    Subject {
        name: "otel_batch",
        what: "tracing-opentelemetry, a batch processor, an exporter that does nothing",
        package: "subject-opentelemetry",
        role: Role::Calls,
    },
    Subject {
        name: "otel_lean",
        what: "the same without code location, thread, target and busy time",
        package: "subject-opentelemetry",
        role: Role::Calls,
    },
    Subject {
        name: "otlp",
        what: "tracing-opentelemetry and opentelemetry-otlp, HTTP/protobuf",
        package: "subject-opentelemetry",
        role: Role::Export,
    },
    Subject {
        name: "sentry",
        what: "sentry and its tracing layer",
        package: "subject-sentry",
        role: Role::Calls,
    },
    Subject {
        name: "fastrace",
        what: "fastrace, a root span a call",
        package: "subject-fastrace",
        role: Role::Calls,
    },
    Subject { name: "logfire", what: "logfire", package: "subject-logfire", role: Role::Calls },
    Subject {
        name: "langfuse",
        what: "langfuse-sdk, #[observe]",
        package: "subject-langfuse",
        role: Role::Calls,
    },
];

/// A subject whose program has been built.
pub(crate) struct Built {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    works: Vec<String>,
}

impl Built {
    pub(crate) fn has(&self, work: &Work) -> bool {
        self.works.iter().any(|name| name == work.name)
    }
}

/// Builds the selected subjects with this role. One that does not build is left out, with a message.
///
/// Each package is built alone, so that the features which one subject wants change nothing for another.
pub(crate) fn built(options: &Options, role: Role) -> Result<Vec<Built>, Error> {
    let mut built = Vec::new();
    for subject in options.subjects().filter(|subject| subject.role == role || subject.role == Role::Both) {
        let Some(program) = program(subject.package, subject.package)? else {
            println!("`{}` is left out: `{}` does not build here.\n", subject.name, subject.package);
            continue;
        };
        let output = Command::new(&program).arg(LIST).stderr(Stdio::inherit()).output()?;
        let listed: Vec<Listed> = serde_json::from_slice(&output.stdout)?;
        let listed = listed.into_iter().find(|listed| listed.subject == subject.name);
        let works = listed.ok_or("a program without its subject")?.works;
        built.push(Built { name: subject.name, program, works });
    }
    Ok(built)
}

/// Builds a program of a package. Returns `None` if that fails.
pub(crate) fn program(package: &str, name: &str) -> Result<Option<PathBuf>, Error> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--release", "--message-format=json-render-diagnostics"])
        .args(["--package", package, "--bin", name])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Ok(None);
    }
    let artifacts = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let programs =
        artifacts.filter_map(|artifact| Some(PathBuf::from(artifact.ok()?["executable"].as_str()?)));
    Ok(programs.last())
}
