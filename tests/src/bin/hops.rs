//! One process of several that a trace runs through. `tests/tests/propagation/processes.rs` starts them.
//!
//! Arguments: the role, the address of PromptLayer, and the address of the next service.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "the test reads what it says, and sees it fail")]

use std::collections::BTreeMap;
use std::env;
use std::io::stdin;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use promptlayer_tracing::propagation::{
    ContinueLayer, InjectLayer, Propagation, continue_from, continue_from_env, inject,
};
use promptlayer_tracing::{ShutdownGuard, promptlayer, scope};
use tests::pipeline::layer_to;
use tracing_subscriber::prelude::*;

/// A message in the queue: its attributes.
type Message = BTreeMap<String, String>;

#[promptlayer(kind = "agent", skip_all, tags = ["front"])]
async fn front(next: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = reqwest_middleware::ClientBuilder::new(client).with(InjectLayer::new()).build();
    client.get(next).send().await.unwrap().text().await.unwrap()
}

#[promptlayer(kind = "chain", tags = ["back"])]
async fn back() -> String {
    let mut message = Message::new();
    inject(&mut message);
    println!("{}", serde_json::to_string(&message).unwrap());
    "queued".to_owned()
}

#[promptlayer(kind = "chain", tags = ["worker"])]
fn work() -> bool {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["child".to_owned(), env::args().nth(2).unwrap()]);
    inject(&mut command);
    command.status().unwrap().success()
}

#[promptlayer]
fn ask(question: &str) -> String {
    format!("You asked: {question}")
}

/// Serves one route until standard input ends.
async fn serve(router: Router, guard: ShutdownGuard) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}/", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        stdin().lines().for_each(drop);
        let _ = stop.send(());
    });
    axum::serve(listener, router.layer(ContinueLayer::new()))
        .with_graceful_shutdown(async { drop(stopped.await) })
        .await
        .unwrap();
    guard.shutdown(Duration::from_secs(30));
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let [_, role, url, next @ ..] = &arguments[..] else { panic!("{arguments:?}") };
    let propagation = Propagation::default().send_tags().send_metadata(["user_id"]);
    let propagation = propagation.accept_tags().accept_metadata(["user_id"]);
    let (layer, guard) =
        layer_to(url).tags([role.clone() + "-service"]).propagate(propagation).build().unwrap();
    tracing_subscriber::registry().with(layer).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match (role.as_str(), next) {
        ("front", [next]) => {
            let next = next.clone();
            let handle = || async move { scope().user("u-1").run(async { front(&next).await }).await };
            runtime.block_on(serve(Router::new().route("/", get(handle)), guard));
        }
        ("back", []) => runtime.block_on(serve(Router::new().route("/", get(back)), guard)),
        ("worker", []) => {
            for line in stdin().lines() {
                let message: Message = serde_json::from_str(&line.unwrap()).unwrap();
                assert!(continue_from(&message).in_scope(work));
            }
            guard.shutdown(Duration::from_secs(30));
        }
        ("child", []) => {
            continue_from_env().in_scope(|| ask("why?"));
            guard.shutdown(Duration::from_secs(30));
        }
        _ => panic!("{arguments:?}"),
    }
}
