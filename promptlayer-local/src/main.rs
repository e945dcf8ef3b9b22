//! `promptlayer-local`: a PromptLayer on one machine, as a program.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use promptlayer_local::{Config, Database, Server};

/// A PromptLayer on one machine: the same API over SQLite, with pages to look at.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:7780")]
    address: SocketAddr,

    /// Keep what is logged in this file
    #[arg(long, value_name = "FILE", default_value = "promptlayer.db", conflicts_with = "memory")]
    database: PathBuf,

    /// Keep what is logged in memory, until the program ends
    #[arg(long)]
    memory: bool,

    /// Accept this API key only; without it, any that is not empty
    #[arg(long, value_name = "KEY", env = "PROMPTLAYER_LOCAL_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do about a terminal that cannot be written to.
            let _ = write_chain(io::stderr(), &*error);
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let database = if options.memory { Database::Memory } else { Database::File(options.database) };
    let mut config = Config::default().address(options.address).database(database);
    // A program has to be given the key; the terminal, and what records it, does not.
    let shown_key = if options.api_key.is_some() { "<your key>" } else { "local" };
    if let Some(key) = options.api_key {
        config = config.api_key(key);
    }
    let server = Server::start(config)?;
    let url = server.url();
    writeln!(
        io::stdout(),
        "listening on {url} - run your program with PROMPTLAYER_BASE_URL={url} PROMPTLAYER_API_KEY={shown_key}"
    )?;
    wait_for_the_end()?;
    server.shutdown();
    Ok(())
}

/// Waits for Ctrl-C or a polite request to end.
fn wait_for_the_end() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        #[cfg(unix)]
        {
            let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            tokio::select! {
                ended = tokio::signal::ctrl_c() => ended,
                _ = terminate.recv() => Ok(()),
            }
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    })
}

/// An error with everything that caused it, on one line.
fn write_chain(mut to: impl Write, error: &dyn Error) -> io::Result<()> {
    write!(to, "error: {error}")?;
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(to, ": {error}")?;
        cause = error.source();
    }
    writeln!(to)
}
