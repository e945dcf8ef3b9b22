//! Runs the example programs as a user does.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{env, io};

/// Environment variables that would make an example connect to a service that the test does not control.
const FOREIGN: &[&str] = &[
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "LOCAL_MODEL",
    "PROMPTLAYER_HTTP_TIMEOUT",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    "EXAMPLES_OTLP",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// The output of a program and its exit code.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ran {
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
    /// The exit code. `None` if a signal ended the program.
    pub code: Option<i32>,
}

/// Runs an example with the PromptLayer server at `url` and the offline model.
///
/// The first run in a process builds all examples, with the profile of the test.
///
/// # Panics
///
/// Panics if the examples cannot be built or the program cannot be started.
pub fn run_example(name: &str, url: &str) -> Ran {
    run_example_with(name, url, &[])
}

/// Does the same as [`run_example`], with these environment variables.
///
/// # Panics
///
/// Panics if the examples cannot be built or the program cannot be started.
pub fn run_example_with(name: &str, url: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(folder().join(format!("{name}{}", env::consts::EXE_SUFFIX)));
    for variable in FOREIGN {
        command.env_remove(variable);
    }
    command.env("PROMPTLAYER_BASE_URL", url).env("PROMPTLAYER_API_KEY", "test").stdin(Stdio::null());
    command.envs(variables.iter().copied());
    match command.output() {
        Ok(output) => Ran {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        },
        Err(error) => panic!("the example {name} cannot be started: {error}"),
    }
}

/// Returns the folder of the examples, after building them.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match build() {
        Ok(folder) => folder,
        Err(error) => panic!("the examples cannot be built: {error}"),
    })
}

/// Builds the examples next to this test: a test in `TARGET/PROFILE/deps` finds them in
/// `TARGET/PROFILE/examples`.
fn build() -> io::Result<PathBuf> {
    let test = env::current_exe()?;
    let misplaced = || io::Error::other(format!("{} is not in a folder of cargo's", test.display()));
    let profile = test.parent().and_then(Path::parent).ok_or_else(misplaced)?;
    let target = profile.parent().ok_or_else(misplaced)?;
    let name = profile.file_name().and_then(|name| name.to_str()).ok_or_else(misplaced)?;
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()))
        .args(["build", "--workspace", "--examples"])
        // The profile `dev` uses the folder `debug`. The folder of every other profile has the name of the
        // profile.
        .args(["--profile", if name == "debug" { "dev" } else { name }])
        .arg("--target-dir")
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr)));
    }
    Ok(profile.join("examples"))
}
