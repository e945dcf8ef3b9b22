//! Measures the compile time of 500 annotated async functions, compared with
//! `#[tracing::instrument(ret, err)]`.
//!
//!     cargo run --release --bin compile_cost [rounds]
//!
//! Each round checks (and builds) the same 500 functions with both attributes, one after the other, so that
//! noise of the machine affects both. It prints the medians in seconds and their ratio.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const FUNCTIONS: usize = 500;
const DEFAULT_ROUNDS: usize = 5;
const INSTRUMENT: &str = "#[tracing::instrument(ret, err)]";
const PROMPTLAYER: &str = "#[promptlayer_tracing::promptlayer(tags = [\"bench\"])]";

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = std::env::args().nth(1).map_or(Ok(DEFAULT_ROUNDS), |rounds| rounds.parse())?;
    let subject = Subject::new()?;
    for command in ["check", "build"] {
        // Compile the dependencies first.
        subject.measure(command, "")?;
        let (mut instrument, mut promptlayer) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            instrument.push(subject.measure(command, INSTRUMENT)?);
            promptlayer.push(subject.measure(command, PROMPTLAYER)?);
        }
        let (instrument, promptlayer) = (median(instrument), median(promptlayer));
        println!(
            "cargo {command}, {FUNCTIONS} async functions: #[promptlayer] {:.2} s, #[instrument(ret, err)] {:.2} s, ratio {:.2}",
            promptlayer.as_secs_f64(),
            instrument.as_secs_f64(),
            promptlayer.as_secs_f64() / instrument.as_secs_f64(),
        );
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The crate to compile.
struct Subject {
    folder: PathBuf,
}

impl Subject {
    fn new() -> Result<Self, Box<dyn Error>> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = here.join("target/compile_cost");
        std::fs::create_dir_all(folder.join("src"))?;
        let library = here.join("../promptlayer-tracing").canonicalize()?;
        std::fs::write(
            folder.join("Cargo.toml"),
            format!(
                "[workspace]\n[package]\nname = \"subject\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                 [dependencies]\ntracing = \"0.1\"\npromptlayer-tracing = {{ path = {library:?} }}\n"
            ),
        )?;
        Ok(Self { folder })
    }

    /// Returns the time to compile the functions with the given attribute.
    fn measure(&self, command: &str, attribute: &str) -> Result<Duration, Box<dyn Error>> {
        let mut source = String::new();
        for number in 0..FUNCTIONS {
            writeln!(
                source,
                "{attribute}\npub async fn f{number}(question: &str, count: u32) -> Result<String, std::io::Error> {{\n\
                 if count == 0 {{ return Err(std::io::Error::other(\"none\")); }}\n\
                 std::future::ready(()).await;\n\
                 Ok(question.repeat(count as usize))\n}}"
            )?;
        }
        std::fs::write(self.folder.join("src/lib.rs"), source)?;
        let start = Instant::now();
        let status =
            Command::new(env!("CARGO")).args([command, "--quiet"]).current_dir(&self.folder).status()?;
        if !status.success() {
            return Err(format!("`cargo {command}` ended with {status}").into());
        }
        Ok(start.elapsed())
    }
}
