//! The example programs, run as a user runs them.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Variables that would make an example talk to something else than what the test gives it.
const FOREIGN: &[&str] = &[
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "LOCAL_MODEL",
    "PROMPTLAYER_HTTP_TIMEOUT",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    "OTEL_SERVICE_NAME",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// What a program said, and how it ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ran {
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
}

/// Runs an example against the PromptLayer at `url`, with the offline model.
///
/// The first run of a process builds all examples, in the profile of the test.
///
/// # Panics
///
/// If the examples cannot be built or the program cannot be started.
pub fn run_example(name: &str, url: &str) -> Ran {
    let mut command = Command::new(folder().join(format!("{name}{}", env::consts::EXE_SUFFIX)));
    for variable in FOREIGN {
        command.env_remove(variable);
    }
    command.env("PROMPTLAYER_BASE_URL", url).env("PROMPTLAYER_API_KEY", "test").stdin(Stdio::null());
    match command.output() {
        Ok(output) => Ran {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        },
        Err(error) => panic!("the example {name} cannot be started: {error}"),
    }
}

/// Where the examples are, freshly built.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match build() {
        Ok(folder) => folder,
        Err(error) => panic!("the examples cannot be built: {error}"),
    })
}

/// Builds the examples beside this test: a test of `TARGET/PROFILE/deps` finds them in `TARGET/PROFILE/examples`.
fn build() -> io::Result<PathBuf> {
    let test = env::current_exe()?;
    let misplaced = || io::Error::other(format!("{} is not in a folder of cargo's", test.display()));
    let profile = test.parent().and_then(Path::parent).ok_or_else(misplaced)?;
    let target = profile.parent().ok_or_else(misplaced)?;
    let name = profile.file_name().and_then(|name| name.to_str()).ok_or_else(misplaced)?;
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()))
        .args(["build", "--workspace", "--examples"])
        // The profile that is called `dev` has the folder `debug`; all others have their own name.
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
