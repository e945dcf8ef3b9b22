//! PromptLayer for the examples: the user's account where one is configured, else promptlayer-local inside the
//! process.

use std::error::Error;
use std::path::PathBuf;

use promptlayer_local::{Config, Database, Server};
use promptlayer_tracing::{Client, LayerBuilder};

/// The key that promptlayer-local is sent; it takes any.
const LOCAL_KEY: &str = "local";

/// Where an example logs to.
#[derive(Debug)]
pub struct Service {
    /// promptlayer-local, where no account is configured.
    local: Option<(Server, PathBuf)>,
}

/// The service to log to: that of `PROMPTLAYER_API_KEY` (and `PROMPTLAYER_BASE_URL`) where it is set, else a
/// promptlayer-local in this process, whose database stays in the directory for temporary files.
///
/// # Errors
///
/// If promptlayer-local is needed and cannot be started.
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
    /// A layer that logs there.
    pub fn layer(&self) -> LayerBuilder {
        match &self.local {
            Some((server, _)) => promptlayer_tracing::layer().base_url(server.url()).api_key(LOCAL_KEY),
            None => promptlayer_tracing::layer(),
        }
    }

    /// A client of its REST API.
    ///
    /// # Errors
    ///
    /// If the environment has settings that cannot be used.
    pub fn client(&self) -> Result<Client, promptlayer_tracing::client::Error> {
        match &self.local {
            Some((server, _)) => Client::builder().base_url(server.url()).api_key(LOCAL_KEY).build(),
            None => Client::from_env(),
        }
    }

    /// Says where to look at what was logged.
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

#[allow(clippy::print_stderr, reason = "whoever runs an example must know where its requests go")]
fn announce(server: &Server) {
    eprintln!("PROMPTLAYER_API_KEY is not set: promptlayer-local listens at {}/", server.url());
}
