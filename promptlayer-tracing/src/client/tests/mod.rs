//! Tests of the client against a scripted server.

mod http;
mod requests;
mod server;
mod templates;
mod track;

use std::{env, fs, path::Path, time::Duration};

use super::{Client, Env};
use server::{Reply, Server};

const KEY: &str = "pl_0123456789abcdef";

fn client(server: &Server) -> Client {
    Client::builder()
        .api_key(KEY)
        .base_url(server.url())
        .timeout(Duration::from_secs(30))
        .env(Env::empty())
        .build()
        .unwrap()
}

/// Reads a file of reference material that is not part of this repository. It is in the directory that
/// `PROMPTLAYER_SHARED` names, or else in `shared` next to the checkout.
pub(crate) fn shared(file: &str) -> Option<String> {
    let folder = env::var("PROMPTLAYER_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").to_owned());
    let path = Path::new(&folder).join(file);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("SKIPPED: {} is not there (PROMPTLAYER_SHARED says where)", path.display());
    }
    text
}
