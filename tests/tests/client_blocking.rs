//! Calls of the client from code that is not async, where a connection of an async runtime exists as well.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use promptlayer_local::{Config, Server};
use promptlayer_tracing::blueprint::{LogRequest, Prompt};
use promptlayer_tracing::client::blocking::Wait;
use promptlayer_tracing::client::{Client, Env, RequestId};
use tests::pipeline::KEY;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_blocking};

/// Longer than the time-out of a call, which would hide a call that hangs.
const LONG: Duration = Duration::from_secs(120);

fn client(server: &Server) -> Client {
    let builder = Client::builder().env(Env::empty()).api_key(KEY).base_url(server.url());
    builder.timeout(LONG * 10).retries(0).build().unwrap()
}

fn log() -> LogRequest {
    LogRequest::new("openai", "gpt-4o", Prompt::user("What?"), Prompt::assistant("That."))
}

/// Logs a request in a way that is not async, and scores it.
fn log_and_score(client: &Client) -> RequestId {
    let id = client.log_request(log()).wait().unwrap();
    client.track().score(id, 100).wait().unwrap();
    id
}

/// Runs `run` on a thread of its own and panics if it does not end.
#[track_caller]
fn ends(run: impl FnOnce(Client) + Send + 'static) {
    let server = Server::start(Config::default().api_key(KEY)).unwrap();
    let (done, end) = channel();
    let client = client(&server);
    thread::spawn(move || {
        run(client);
        done.send(()).unwrap();
    });
    end.recv_timeout(LONG).unwrap();
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// The connection that the runtime has kept cannot be used while its thread waits.
#[test]
fn only_thread_of_a_runtime_can_wait_beside_its_own_connections() {
    ends(|client| {
        one_thread().block_on(async {
            for _ in 0..3 {
                let id = client.log_request(log()).await.unwrap();
                assert!(log_and_score(&client).get() > id.get());
                client.track().score(id, 1).await.unwrap();
            }
        });
    });
}

/// A call of the runtime is under way when its thread begins to wait.
#[test]
fn only_thread_of_a_runtime_can_wait_while_its_call_is_under_way() {
    ends(|client| {
        one_thread().block_on(async {
            let logged = tokio::spawn(client.log_request(log()));
            tokio::task::yield_now().await;
            log_and_score(&client);
            logged.await.unwrap().unwrap();
        });
    });
}

#[test]
fn all_threads_of_a_runtime_can_wait() {
    ends(|client| {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let client = || client.clone();
            let tasks: Vec<_> = (0..8)
                .map(|_| (client(), client()))
                .map(|(one, other)| {
                    tokio::spawn(async move {
                        log_and_score(&one);
                        other.log_request(log()).await.unwrap();
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            let client = client();
            spawn_blocking(move || log_and_score(&client)).await.unwrap();
        });
    });
}

#[test]
fn local_set_and_plain_threads_can_wait() {
    ends(|client| {
        log_and_score(&client);
        one_thread().block_on(LocalSet::new().run_until(async { log_and_score(&client) }));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| log_and_score(&client));
            }
        });
    });
}

/// A destructor that reports something is a common place outside of async code.
#[test]
fn destructor_can_wait_while_its_runtime_ends() {
    struct Report(Client);

    impl Drop for Report {
        fn drop(&mut self) {
            log_and_score(&self.0);
        }
    }

    ends(|client| {
        let runtime = one_thread();
        let report = Report(client);
        runtime.spawn(async move {
            std::future::pending::<()>().await;
            drop(report);
        });
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
    });
}
