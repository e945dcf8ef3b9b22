//! The `promptlayer-local` program: a local PromptLayer server.

use std::error::Error;
use std::fmt::Write as _;
use std::future::Future;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use promptlayer_local::{Config, Database, Server};
use tokio::runtime::Runtime;

const DEFAULT_PORT: u16 = 7780;

/// The environment variable that contains the key.
const KEY_VARIABLE: &str = "PROMPTLAYER_LOCAL_API_KEY";

/// A local PromptLayer server: the same REST API over SQLite, with pages that show the logged requests.
#[derive(Parser)]
#[command(version, after_help = KEY_HELP)]
struct Options {
    /// Address to listen on: an address with a port, a port alone, or localhost with a port. An address other
    /// than loopback needs an API key
    #[arg(long, default_value = "127.0.0.1:7780", value_parser = address)]
    address: SocketAddr,

    /// Store the logged data in this file
    #[arg(long, value_name = "FILE", default_value = "promptlayer.db", conflicts_with = "memory")]
    database: PathBuf,

    /// Store the logged data in memory, until the program ends
    #[arg(long)]
    memory: bool,

    /// Read the API key from this file instead of the environment
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,

    /// Also respond to requests whose Host header is this name, such as box.lan; can be given more than once.
    /// IP addresses and localhost are always accepted
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,

    /// Not supported: other users of the machine could read the key in the list of processes.
    #[arg(long, hide = true, num_args = 0..=1, value_name = "KEY")]
    api_key: Option<Vec<String>>,
}

const KEY_HELP: &str = "\
Environment:
  PROMPTLAYER_LOCAL_API_KEY  Accept this API key only, and ask for it before a page is shown. Without a key, any
                             X-API-KEY that is not empty is accepted and the pages are open; an empty key means none";

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error cannot be written to, the error cannot be reported.
            let _ = writeln!(io::stderr(), "error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    if options.api_key.is_some() {
        return Err(format!(
            "--api-key is not supported, because other users of the machine could read the key in the list of \
             processes; set {KEY_VARIABLE} or give --api-key-file"
        )
        .into());
    }
    let key = api_key(options.api_key_file.as_deref())?;
    let database = if options.memory { Database::Memory } else { Database::File(options.database) };
    let mut config = Config::default().address(options.address).database(database);
    // The output shows a placeholder instead of the key, because terminals and their logs can be recorded.
    let shown_key = if key.is_some() { "<your key>" } else { "local" };
    if let Some(key) = key {
        config = config.api_key(key);
    }
    for name in options.allow_host {
        config = config.allow_host(name);
    }

    // Everything that can fail runs before the program prints that the server is listening.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let end = end(&runtime)?;
    let server = Server::start(config)?;
    let (address, url) = (server.address(), server.url());
    writeln!(
        io::stdout(),
        "listening on http://{address} - run your program with PROMPTLAYER_BASE_URL={url} PROMPTLAYER_API_KEY={shown_key}"
    )?;
    runtime.block_on(end)?;
    server.shutdown();
    Ok(())
}

/// Returns the API key from the file or, without a file, from the environment.
fn api_key(file: Option<&Path>) -> Result<Option<String>, Box<dyn Error>> {
    let Some(file) = file else {
        return match std::env::var(KEY_VARIABLE) {
            Ok(key) => Ok(Some(key.trim().to_owned()).filter(|key| !key.is_empty())),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(format!("{KEY_VARIABLE} is not valid UTF-8").into())
            }
        };
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read the API key from {}: {error}", file.display()))?;
    let key = text.trim();
    if key.is_empty() {
        return Err(format!("the API key file {} is empty; write the key into it", file.display()).into());
    }
    Ok(Some(key.to_owned()))
}

/// Returns a future that completes on Ctrl-C or, on Unix, on SIGTERM.
fn end(runtime: &Runtime) -> io::Result<impl Future<Output = io::Result<()>> + use<>> {
    // The signal handlers are installed here, before the future is polled for the first time.
    let _entered = runtime.enter();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            Ok(())
        })
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c())
}

/// Parses the value of `--address`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(ip) = text.parse() {
        return Ok(SocketAddr::new(ip, DEFAULT_PORT));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => match text.parse() {
            Ok(port) => ("", Some(port)),
            Err(_) => (text, Some(DEFAULT_PORT)),
        },
    };
    // Requires a letter in a host name: a resolver would parse 99999 as an IPv4 address.
    let is_host = host.contains(|char: char| char.is_alphabetic()) && !host.contains([':', '/', '[', ']']);
    let address = match (host, port) {
        ("" | "localhost", Some(port)) if !text.is_empty() => {
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        }
        (host, Some(port)) if is_host => {
            (host, port).to_socket_addrs().ok().and_then(|mut addresses| addresses.next())
        }
        _ => None,
    };
    address.ok_or_else(|| {
        "give an address such as 127.0.0.1:7780, localhost:7780, [::1]:7780 or 7780".to_owned()
    })
}

/// Formats an error with all its causes on one line. Leaves out a cause that repeats the text so far.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = match error.downcast_ref() {
            // The `Display` text of this error contains the whole SQL statement after the message.
            Some(rusqlite::Error::SqlInputError { msg, .. }) => msg.clone(),
            _ => error.to_string(),
        };
        // `rusqlite` reports SQLite's error code as the cause of a message that already contains its meaning.
        let after_code = said.split_once(": ").filter(|(code, _)| code.starts_with("Error code "));
        let words = after_code.map_or(said.as_str(), |(_, words)| words);
        if !text.to_lowercase().contains(&words.to_lowercase()) && !words.is_empty() {
            let _ = write!(text, ": {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fmt;

    use super::{address, with_causes};

    #[test]
    fn every_usual_way_to_write_an_address_is_understood() {
        for (text, expected) in [
            ("127.0.0.1:7780", "127.0.0.1:7780"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:7780", "[::1]:7780"),
            ("127.0.0.1", "127.0.0.1:7780"),
            ("::1", "[::1]:7780"),
            ("localhost:7781", "127.0.0.1:7781"),
            ("localhost", "127.0.0.1:7780"),
            (":7781", "127.0.0.1:7781"),
            ("7781", "127.0.0.1:7781"),
            ("0", "127.0.0.1:0"),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for text in [
            "",
            ":",
            "localhost:",
            "localhost:port",
            "99999",
            ":99999",
            "http://localhost:7780",
            "[::1",
            "a:b:1",
        ] {
            let error = address(text).unwrap_err();
            assert!(error.contains("127.0.0.1:7780") && error.contains("localhost:7780"), "{text}: {error}");
        }
    }

    #[derive(Debug)]
    struct Said(&'static str, Option<Box<Said>>);

    impl fmt::Display for Said {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl Error for Said {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn repeated_causes_are_left_out() {
        let code = Said("Error code 14: Unable to open the file", None);
        let cause = Said("unable to open the file: /x", Some(Box::new(code)));
        let error = Said("cannot use the database", Some(Box::new(cause)));
        assert_eq!(with_causes(&error), "cannot use the database: unable to open the file: /x");
        let other = Said("cannot listen", Some(Box::new(Said("address in use", None))));
        assert_eq!(with_causes(&other), "cannot listen: address in use");
    }
}
