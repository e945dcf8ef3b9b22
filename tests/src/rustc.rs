//! Compiles pieces of code by running `rustc` with the libraries of this build. This takes a fraction of a
//! second, while a `cargo build` takes many seconds.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

use serde::Deserialize;
use serde_json::Value;

/// The compiler and the location of this build's libraries.
#[derive(Debug, Clone)]
pub struct Rustc {
    program: OsString,
    /// The crates that the code may use, with their files.
    externs: Vec<(String, PathBuf)>,
    /// The folder of all libraries.
    libraries: PathBuf,
}

/// A crate to compile.
#[derive(Debug, Clone, Copy)]
pub struct Code<'a> {
    /// The Rust edition: `2018`, `2021` or `2024`.
    pub edition: &'a str,
    /// The source text.
    pub text: &'a str,
    /// `true` to generate machine code, which evaluates constants in functions; `false` to only check the
    /// code.
    pub is_built: bool,
}

/// The result of a compilation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Compiled {
    /// `true` if the compilation succeeded.
    pub success: bool,
    /// The errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The severity: `error` or `warning`.
    pub level: String,
    /// The code, such as `E0382` or `unused_variables`. Errors of the macro have none.
    pub code: Option<String>,
    /// The line of the primary span.
    pub line: Option<u64>,
    /// The message as it is shown to the user.
    pub rendered: String,
}

#[derive(Deserialize)]
struct Said {
    level: String,
    code: Option<Coded>,
    spans: Vec<Span>,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Coded {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    is_primary: bool,
    line_start: u64,
}

impl Rustc {
    /// Finds the compiler and the libraries `crates`, as they are linked into the integration test `test` of
    /// this package.
    ///
    /// # Panics
    ///
    /// Panics if cargo cannot provide their location.
    pub fn of(test: &str, crates: &[&str]) -> Self {
        match Self::find(test, crates) {
            Ok(rustc) => rustc,
            Err(error) => panic!("this build's libraries are not found: {error}"),
        }
    }

    fn find(test: &str, crates: &[&str]) -> io::Result<Self> {
        let program = env::current_exe()?;
        let misplaced = || io::Error::other(format!("{} is not in a folder of cargo's", program.display()));
        let libraries = program.parent().ok_or_else(misplaced)?;
        let profile = libraries.parent().ok_or_else(misplaced)?;
        let target = profile.parent().ok_or_else(misplaced)?;
        let name = profile.file_name().and_then(|name| name.to_str()).ok_or_else(misplaced)?;
        // The folder may contain several builds of a library. Only cargo knows which of them belong to this
        // test.
        let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()))
            .args(["test", "--no-run", "--package", env!("CARGO_PKG_NAME"), "--test", test])
            .args(["--message-format", "json", "--profile", if name == "debug" { "test" } else { name }])
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr)));
        }
        let artifacts: Vec<Value> = output
            .stdout
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .filter(|message: &Value| message["reason"] == "compiler-artifact")
            .collect();
        let externs = crates
            .iter()
            .map(|name| match artifacts.iter().find_map(|artifact| library(artifact, name)) {
                Some(path) => Ok(((*name).to_owned(), path)),
                None => Err(io::Error::other(format!("cargo built no `{name}`"))),
            })
            .collect::<io::Result<_>>()?;
        let program = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        Ok(Self { program, externs, libraries: libraries.to_owned() })
    }

    /// Renames the library `from` to `to`.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        for (name, _) in &mut self.externs {
            if name == from {
                to.clone_into(name);
            }
        }
        self
    }

    /// Uses Clippy instead of the compiler. Returns `None` if Clippy is not installed next to it.
    #[must_use]
    pub fn clippy(mut self) -> Option<Self> {
        let sysroot = Command::new(&self.program).args(["--print", "sysroot"]).output().ok()?;
        let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout).ok()?.trim());
        let clippy = sysroot.join("bin").join("clippy-driver").with_extension(env::consts::EXE_EXTENSION);
        self.program = clippy.is_file().then(|| clippy.into())?;
        Some(self)
    }

    /// Compiles a library crate.
    ///
    /// # Panics
    ///
    /// Panics if the compiler cannot be run, or if another build has replaced the libraries in the meantime.
    pub fn compile(&self, code: Code<'_>) -> Compiled {
        match self.run(code) {
            Ok(compiled) => {
                let is_gone = |said: &Diagnostic| said.rendered.contains("extern location for");
                assert!(!compiled.diagnostics.iter().any(is_gone), "another build replaced the libraries");
                compiled
            }
            Err(error) => panic!("`{}` cannot be run: {error}", self.program.display()),
        }
    }

    fn run(&self, code: Code<'_>) -> io::Result<Compiled> {
        let output = in_own_folder(|folder| self.run_in(folder, code, "lib"))?;
        let diagnostics = String::from_utf8_lossy(&output.stderr).lines().filter_map(diagnostic).collect();
        Ok(Compiled { success: output.status.success(), diagnostics })
    }

    /// Compiles and runs a program, and returns its standard output.
    ///
    /// # Errors
    ///
    /// Returns the messages of the compiler, or the standard error of a program that failed.
    pub fn run_program(&self, edition: &str, text: &str) -> Result<String, String> {
        let run = |folder: &Path| -> io::Result<Result<String, String>> {
            let program = match self.build_program(folder, edition, text, &[]) {
                Ok(program) => program,
                Err(said) => return Ok(Err(said)),
            };
            let output = Command::new(program).output()?;
            let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Ok(if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) })
        };
        in_own_folder(run).unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Compiles a program into a folder, with additional compiler flags.
    ///
    /// # Errors
    ///
    /// Returns the messages of the compiler.
    pub fn build_program(
        &self,
        folder: &Path,
        edition: &str,
        text: &str,
        flags: &[&str],
    ) -> Result<PathBuf, String> {
        let code = Code { edition, text, is_built: true };
        let compiled = self.run_with(folder, code, "bin", flags).map_err(|error| error.to_string())?;
        if compiled.status.success() {
            return Ok(folder.join("snippet").with_extension(env::consts::EXE_EXTENSION));
        }
        let said = String::from_utf8_lossy(&compiled.stderr);
        Err(said.lines().filter_map(diagnostic).map(|said| said.rendered).collect())
    }

    fn run_in(&self, folder: &Path, code: Code<'_>, crate_type: &str) -> io::Result<Output> {
        self.run_with(folder, code, crate_type, &[])
    }

    fn run_with(
        &self,
        folder: &Path,
        code: Code<'_>,
        crate_type: &str,
        flags: &[&str],
    ) -> io::Result<Output> {
        let mut command = self.command(folder, code, crate_type, flags);
        command.stdout(Stdio::null());
        output_of(command, code.text)
    }

    /// Returns the source text of a library crate after macro expansion.
    ///
    /// # Errors
    ///
    /// Returns the messages of the compiler.
    pub fn expanded(&self, edition: &str, text: &str) -> Result<String, String> {
        let code = Code { edition, text, is_built: false };
        let run = |folder: &Path| {
            let mut command = self.command(folder, code, "lib", &["-Zunpretty=expanded"]);
            // The flag requires nightly. With `RUSTC_BOOTSTRAP`, a stable compiler accepts it too.
            command.env("RUSTC_BOOTSTRAP", "1").stdout(Stdio::piped());
            output_of(command, text)
        };
        let output = in_own_folder(run).map_err(|error| error.to_string())?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
    }

    fn command(&self, folder: &Path, code: Code<'_>, crate_type: &str, flags: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(flags)
            .args(["-", "--crate-name", "snippet", "--crate-type", crate_type, "--error-format", "json"])
            .args(["--edition", code.edition])
            .args(["--emit", if code.is_built { "link" } else { "metadata" }])
            .arg("--out-dir")
            .arg(folder)
            .current_dir(folder)
            .arg("-L")
            .arg(joined("dependency=", &self.libraries));
        for (name, path) in &self.externs {
            command.arg("--extern").arg(joined(&format!("{name}="), path));
        }
        command
    }
}

/// Runs the compiler on a source text.
fn output_of(mut command: Command, text: &str) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes())?;
    }
    child.wait_with_output()
}

/// Runs a closure with its own temporary folder. The compiler writes files there if an error message is too
/// long.
fn in_own_folder<R>(run: impl FnOnce(&Path) -> io::Result<R>) -> io::Result<R> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("snippet-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let ran = run(&folder);
    fs::remove_dir_all(&folder)?;
    ran
}

fn joined(prefix: &str, path: &Path) -> OsString {
    let mut joined = OsString::from(prefix);
    joined.push(path);
    joined
}

/// Returns the file of the library `name`, if the artifact is that library.
fn library(artifact: &Value, name: &str) -> Option<PathBuf> {
    let is_library = artifact["target"]["kind"]
        .as_array()?
        .iter()
        .any(|kind| kind == "lib" || kind == "rlib" || kind == "proc-macro");
    if !is_library || artifact["target"]["name"].as_str()?.replace('-', "_") != name {
        return None;
    }
    let files = artifact["filenames"].as_array()?.iter().filter_map(Value::as_str).map(PathBuf::from);
    files.into_iter().find(|file| file.extension().is_none_or(|extension| extension != "rmeta"))
}

fn diagnostic(line: &str) -> Option<Diagnostic> {
    let said: Said = serde_json::from_str(line).ok()?;
    let primary = said.spans.iter().find(|span| span.is_primary);
    // A message without a code and a location only counts the other messages.
    if said.code.is_none() && primary.is_none() && said.level != "error: internal compiler error" {
        return None;
    }
    Some(Diagnostic {
        level: said.level,
        code: said.code.map(|coded| coded.code),
        line: primary.map(|span| span.line_start),
        rendered: said.rendered.unwrap_or_default(),
    })
}
