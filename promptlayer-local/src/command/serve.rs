//! `serve`: runs the server until a signal.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use tokio::runtime::Runtime;

use super::push::{self, Target};
use super::{Failure, runtime, values};
use crate::router::SERVER_NAME;
use crate::{Config, Database, Error, Server};

/// The environment variable that contains the key.
const KEY_VARIABLE: &str = "PROMPTLAYER_LOCAL_API_KEY";

/// The maximum time to find out which program listens on the address.
const PROBE_TIME: Duration = Duration::from_millis(500);

pub(super) const ENVIRONMENT: &str = "\
Environment:
  PROMPTLAYER_LOCAL_API_KEY  Accept this key only, and ask for it before a page is shown. Without
                             it, any key is accepted and the pages are open
  PROMPTLAYER_API_KEY        The key for the server that --forward sends to
  <NAME>_API_KEY             The key of a --provider, such as OPENAI_API_KEY for openai";

#[derive(Args)]
pub(super) struct Options {
    /// Address or port; only loopback needs no key
    #[arg(long, default_value = "127.0.0.1:7780", value_parser = values::address)]
    address: SocketAddr,

    /// Port to listen on at 127.0.0.1; 0 is any free port
    #[arg(long, value_name = "N", conflicts_with = "address")]
    port: Option<u16>,

    /// Open the pages in a browser
    #[arg(long)]
    open: bool,

    /// Store the logged data in this file
    #[arg(long, value_name = "FILE", default_value = "promptlayer.db", conflicts_with = "memory")]
    database: PathBuf,

    /// Store the logged data in memory, until the program ends
    #[arg(long)]
    memory: bool,

    /// Delete requests and traces that are older, such as 90m, 12h or 30d
    #[arg(long, value_name = "AGE", value_parser = values::period)]
    retain: Option<Duration>,

    /// Delete the oldest requests above this size, such as 500MiB or 2GiB
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    max_size: Option<u64>,

    /// Also send what arrives to PromptLayer, or to another server
    #[arg(long, value_name = "URL")]
    forward: Option<String>,

    /// Let the page Replay call this provider; can be given more than once
    #[arg(long, value_name = "NAME=URL", value_parser = values::provider)]
    provider: Vec<(String, String)>,

    /// Maximum time of a call of Replay, in seconds
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    replay_timeout: u64,

    /// Read the API key from this file instead of the environment
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,

    /// Also respond to this Host, such as box.lan; can be given more than once
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,

    /// Not supported: other users of the machine could read the key in the list of processes.
    #[arg(long, hide = true, num_args = 0..=1, value_name = "KEY")]
    api_key: Option<Vec<String>>,
}

pub(super) fn run(options: Options) -> Result<(), Failure> {
    if options.api_key.is_some() {
        return Err(format!(
            "--api-key is not supported, because other users of the machine could read the key in the list of \
             processes; set {KEY_VARIABLE} or give --api-key-file"
        )
        .into());
    }
    let key = api_key(options.api_key_file.as_deref())?;
    let database = if options.memory { Database::Memory } else { Database::File(options.database) };
    let address = match options.port {
        Some(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        None => options.address,
    };
    let mut config = Config::default().address(address).database(database);
    // The output shows a placeholder instead of the key, because terminals and their logs can be recorded.
    let shown_key = if key.is_some() { "<your key>" } else { "local" };
    if let Some(key) = key {
        config = config.api_key(key);
    }
    for name in options.allow_host {
        config = config.allow_host(name);
    }
    if let Some(age) = options.retain {
        config = config.retain(age);
    }
    if let Some(bytes) = options.max_size {
        config = config.max_size(bytes);
    }
    config = config.provider_timeout(Duration::from_secs(options.replay_timeout));
    for (name, url) in options.provider {
        let key = environment(&key_variable(&name))?;
        config = config.provider(name, url, key);
    }

    // Everything that can fail runs before the program prints that the server is listening.
    let runtime = runtime()?;
    let end = end(&runtime)?;
    let target = options.forward.as_deref().map(Target::new).transpose()?;
    let server = Server::start(config).map_err(explained)?;
    let (address, url) = (server.address(), server.url());
    if let Some(target) = target.as_ref().filter(|target| target.url() == url) {
        return Err(format!("--forward {} is this server itself; give another URL", target.url()).into());
    }
    if let Some(target) = &target {
        runtime.block_on(push::begin_forwarding(server.store(), target))?;
    }
    writeln!(
        io::stdout(),
        "listening on http://{address} - run your program with PROMPTLAYER_BASE_URL={url} PROMPTLAYER_API_KEY={shown_key}"
    )?;
    if options.open {
        open_browser(url);
    }
    runtime.block_on(async {
        let forward = async {
            match &target {
                Some(target) => push::forward(server.store(), target).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = end => ended,
            () = forward => Ok(()),
        }
    })?;
    server.shutdown();
    Ok(())
}

/// Adds to an error that the address is in use which program uses it.
fn explained(error: Error) -> Failure {
    if let Error::Bind { address, source } = &error
        && source.kind() == io::ErrorKind::AddrInUse
        && is_this_program(*address)
    {
        return format!(
            "cannot listen on {address}; the address is in use by another promptlayer-local: open http://{address}, or \
             start this one with another --port"
        )
        .into();
    }
    error.into()
}

/// Returns `true` if a server of this program listens on the address.
fn is_this_program(address: SocketAddr) -> bool {
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PROBE_TIME)?;
        stream.set_read_timeout(Some(PROBE_TIME))?;
        stream.set_write_timeout(Some(PROBE_TIME))?;
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.to_ascii_lowercase().contains(&format!("server: {SERVER_NAME}")))
}

/// Opens a URL in the browser of the user. A failure is a warning, because the server runs without it.
fn open_browser(url: &str) {
    let (program, arguments): (_, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let (program, url) = (program.to_owned(), url.to_owned());
    let wait = move || {
        let problem = match command.status() {
            Ok(status) if status.success() => return,
            Ok(status) => format!("{program} ended with {status}"),
            Err(error) => format!("cannot run {program}: {error}"),
        };
        let _ = writeln!(io::stderr(), "warning: cannot open a browser: {problem}; open {url} yourself");
    };
    // On a thread, because some of these programs end only when the browser does.
    let _ = std::thread::Builder::new().name("browser".to_owned()).spawn(wait);
}

/// Returns the API key from the file or, without a file, from the environment.
fn api_key(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(file) = file else { return environment(KEY_VARIABLE) };
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read the API key from {}: {error}", file.display()))?;
    let key = text.trim();
    if key.is_empty() {
        return Err(format!("the API key file {} is empty; write the key into it", file.display()).into());
    }
    Ok(Some(key.to_owned()))
}

/// Returns the key in an environment variable. `None` if it is not set or empty.
fn environment(variable: &str) -> Result<Option<String>, Failure> {
    match std::env::var(variable) {
        Ok(key) => Ok(Some(key.trim().to_owned()).filter(|key| !key.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{variable} is not valid UTF-8").into()),
    }
}

/// Returns the environment variable with the key of a provider: `OPENAI_AZURE_API_KEY` for `openai.azure`.
fn key_variable(provider: &str) -> String {
    let upper = |character: char| {
        if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' }
    };
    provider.chars().map(upper).chain("_API_KEY".chars()).collect()
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

#[cfg(test)]
mod tests {
    use super::key_variable;

    #[test]
    fn key_of_a_provider_has_its_name() {
        assert_eq!(key_variable("openai"), "OPENAI_API_KEY");
        assert_eq!(key_variable("openai.azure-2"), "OPENAI_AZURE_2_API_KEY");
    }
}
