//! Tests of the client against a scripted server.

mod http;
mod requests;
mod server;
mod templates;
mod track;

use std::time::Duration;

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
