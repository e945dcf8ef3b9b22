//! The commands of the program. Each file has one command; `serve` is the default.
//!
//! The commands other than `serve` use the database file and not the API: this works whether or not a server is
//! running, needs no key, and shows everything that the API shows.

mod error;
mod export;
mod import;
mod line;
mod mcp;
mod push;
mod search;
mod serve;
mod show;
mod tail;
mod terminal;
mod values;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::store::ReadOnly;

/// A local PromptLayer server: the same REST API over SQLite, with pages that show the logged requests.
#[derive(Parser)]
#[command(version, max_term_width = 100, args_conflicts_with_subcommands = true, after_help = serve::ENVIRONMENT)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: serve::Options,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server; the default
    #[command(after_help = serve::ENVIRONMENT)]
    Serve(serve::Options),
    /// Find requests, by words and other filters
    #[command(after_help = search::EXAMPLES)]
    Search(search::Options),
    /// Print a request
    Show(show::Options),
    /// Print requests as they arrive
    Tail(tail::Options),
    /// Write everything to a file, as JSON lines
    Export(export::Options),
    /// Read a file that `export` wrote
    Import(import::Options),
    /// Serve the database to a coding agent, by the Model Context Protocol (MCP)
    #[command(after_help = mcp::EXAMPLE)]
    Mcp(mcp::Options),
    /// Send the stored requests and spans to PromptLayer, or to another server
    #[command(after_help = push::ENVIRONMENT)]
    Push(push::Options),
}

/// The database that a command reads.
#[derive(Args)]
struct DatabaseOptions {
    /// Database file; a server can have it open
    #[arg(long, value_name = "FILE", default_value = "promptlayer.db")]
    database: PathBuf,
}

impl DatabaseOptions {
    /// Opens the database for reading only.
    fn open(&self) -> Result<ReadOnly, Failure> {
        self.check_exists()?;
        Ok(ReadOnly::open(&self.database)?)
    }

    /// Returns an error if there is no such file. Opening it for writing would create it.
    fn check_exists(&self) -> Result<(), Failure> {
        if self.database.exists() {
            return Ok(());
        }
        Err(format!(
            "there is no database {}; start promptlayer-local in this folder first, or name the file with --database",
            self.database.display()
        )
        .into())
    }
}

/// The reason why a command failed.
type Failure = Box<dyn Error>;

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    match run(Program::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error::is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error cannot be written to, the error cannot be reported.
            let _ = writeln!(io::stderr(), "error: {}", error::with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(program: Program) -> Result<(), Failure> {
    match program.command {
        None => serve::run(program.serve),
        Some(Command::Serve(options)) => serve::run(options),
        Some(Command::Search(options)) => search::run(&options),
        Some(Command::Show(options)) => show::run(&options),
        Some(Command::Tail(options)) => tail::run(&options),
        Some(Command::Export(options)) => export::run(&options),
        Some(Command::Import(options)) => import::run(&options),
        Some(Command::Mcp(options)) => mcp::run(options),
        Some(Command::Push(options)) => push::run(&options),
    }
}

/// Returns a runtime for the calls of a command that writes or sends.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Program;

    #[test]
    fn help_of_each_command_fits_a_screen() {
        let mut program = Program::command();
        program.build();
        let names: Vec<String> =
            program.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        let mut helps = vec![("promptlayer-local".to_owned(), program.render_help().to_string())];
        for name in names.into_iter().filter(|name| name != "help") {
            let help = program.find_subcommand_mut(&name).unwrap().render_help().to_string();
            helps.push((name, help));
        }
        assert_eq!(helps.len(), 9);
        for (name, help) in helps {
            assert!(help.lines().count() <= 40, "{name} has {} lines:\n{help}", help.lines().count());
            for line in help.lines() {
                assert!(line.chars().count() <= 100, "{name}: {line}");
            }
        }
    }
}
