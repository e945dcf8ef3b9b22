//! The PromptLayer server for the examples: your account if one is configured, otherwise promptlayer-local in
//! the same process.

use std::error::Error;
use std::path::PathBuf;

use promptlayer_local::{Config, Database, Server};
use promptlayer_tracing::{Client, LayerBuilder};

/// The API key for promptlayer-local, which accepts any key.
const LOCAL_KEY: &str = "local";

/// The PromptLayer server that an example logs to.
#[derive(Debug)]
pub struct Service {
    /// promptlayer-local and its database file, if no account is configured.
    local: Option<(Server, PathBuf)>,
}

/// Returns the server to log to: PromptLayer if `PROMPTLAYER_API_KEY` is set (at `PROMPTLAYER_BASE_URL`, if
/// that is set too), otherwise promptlayer-local in this process, with its database in the directory for
/// temporary files.
///
/// # Errors
///
/// Returns an error if promptlayer-local is needed and cannot be started.
pub fn promptlayer() -> Result<Service, Box<dyn Error>> {
    if std::env::var("PROMPTLAYER_API_KEY").is_ok_and(|key| !key.is_empty()) {
        return Ok(Service { local: None });
    }
    let file = std::env::temp_dir().join("promptlayer-examples.db");
    let server = Server::start(Config::default().database(Database::File(file.clone())))?;
    announce(&server);
    Ok(Service { local: Some((server, file)) })
}

impl Service {
    /// Returns a builder for a layer that logs to this server.
    ///
    /// With the feature `otlp`, and if the variable `EXAMPLES_OTLP` is set, spans are also sent to the collector that
    /// OpenTelemetry's variables name, such as `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn layer(&self) -> LayerBuilder {
        let builder = match &self.local {
            Some((server, _)) => promptlayer_tracing::layer().base_url(server.url()).api_key(LOCAL_KEY),
            None => promptlayer_tracing::layer(),
        };
        #[cfg(feature = "otlp")]
        if std::env::var_os("EXAMPLES_OTLP").is_some() {
            use promptlayer_tracing::export::{Otlp, Wire};

            return builder.wire(Wire::SpansBulkAndOtlp).otlp(Otlp::collector());
        }
        builder
    }

    /// Creates a client for the REST API of this server.
    ///
    /// # Errors
    ///
    /// Returns an error if the environment contains invalid settings.
    pub fn client(&self) -> Result<Client, promptlayer_tracing::client::Error> {
        match &self.local {
            Some((server, _)) => Client::builder().base_url(server.url()).api_key(LOCAL_KEY).build(),
            None => Client::from_env(),
        }
    }

    /// Prints where the logged requests can be viewed.
    #[allow(clippy::print_stdout, reason = "an example speaks on standard output")]
    pub fn say_where_to_look(&self) {
        match &self.local {
            Some((server, file)) => {
                println!("\nLook at it: {}/ as long as this program runs, and afterwards with", server.url());
                println!("    cargo run -p promptlayer-local -- --database {}", file.display());
                if std::env::args().any(|argument| argument == "--stay") {
                    println!("Enter ends this program.");
                    let _ = std::io::stdin().read_line(&mut String::new());
                } else {
                    println!("(`--stay` keeps this program running until Enter.)");
                }
            }
            None => println!("\nLook at it: in the request logs of your PromptLayer workspace."),
        }
    }
}

#[allow(clippy::print_stderr, reason = "the user of an example must know where its requests go")]
fn announce(server: &Server) {
    eprintln!("PROMPTLAYER_API_KEY is not set: promptlayer-local listens at {}/", server.url());
}
