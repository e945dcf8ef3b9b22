//! Tests of the client against a scripted server.

#[cfg(feature = "blocking")]
mod blocking;
mod http;
mod requests;
mod retries;
mod server;
mod templates;
mod track;

use std::time::Duration;

use server::{Reply, Server};

use super::{Client, Env};

const KEY: &str = "pl_0123456789abcdef";

fn client(server: &Server) -> Client {
    Client::builder()
        .api_key(KEY)
        .base_url(server.url())
        .timeout(Duration::from_secs(30))
        .retries(0)
        .env(Env::empty())
        .build()
        .unwrap()
}
