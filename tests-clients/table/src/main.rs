//! Runs all clients and compares their results with `docs/clients.md`. With the argument `write`, it writes
//! the page.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use harness::{Case, Report};

const INTRODUCTION: &str = include_str!("introduction.md");

fn main() -> ExitCode {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = workspace.join("../docs/clients.md");
    let reports: Option<Vec<Report>> = packages(&workspace).iter().map(|package| run(package)).collect();
    let Some(reports) = reports else { return ExitCode::FAILURE };
    let generated = generate(&reports);
    if std::env::args().nth(1).as_deref() == Some("write") {
        std::fs::write(&page, generated).expect("the page can be written");
    } else if std::fs::read_to_string(&page).ok().as_deref() != Some(&generated) {
        eprintln!("docs/clients.md differs from the results; write it with: cargo run -p table -- write");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Returns the folders of the clients, in the order of their names.
fn packages(workspace: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(workspace.join("clients")).expect("the folder of the clients");
    let mut packages: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    packages.sort();
    packages
}

/// Runs the program of a client. Each one is built alone, because the features of a crate that several
/// clients depend on would be added up otherwise.
fn run(package: &Path) -> Option<Report> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    eprintln!("{}", package.file_name()?.to_string_lossy());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--locked"])
        .current_dir(package)
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be run");
    output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("a report"))
}

fn generate(reports: &[Report]) -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n| crate | version | API |");
    for case in Case::ALL {
        write!(page, " {case} |").expect("a string takes text");
    }
    page.push_str("\n|---|---|---|");
    page.push_str(&"---|".repeat(Case::ALL.len()));
    page.push('\n');
    for report in reports {
        for row in &report.rows {
            write!(page, "| `{}` | {} | {} |", report.name, report.version, row.api)
                .expect("a string takes text");
            for case in Case::ALL {
                let cell = row.cells.get(&case).map_or("–", String::as_str);
                write!(page, " {cell} |").expect("a string takes text");
            }
            page.push('\n');
        }
    }
    page
}
