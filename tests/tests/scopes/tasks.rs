//! Scopes of tasks, threads, panics and dropped futures.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::mpsc;

use promptlayer_tracing::scope::InCurrentScope;
use promptlayer_tracing::{promptlayer, scope};
use tests::in_memory::{block_on, captured, pause, poll_once, request_of};
use tracing::dispatcher;

use super::{ask, ask_later, tags};

#[test]
fn interleaved_tasks_on_one_thread_keep_their_own_scopes() {
    let captured = captured(|| {
        let task = |name: &'static str| {
            scope().tags([name]).run(async move {
                for _ in 0..3 {
                    pause().await;
                    ask_later(name).await;
                }
            })
        };
        let (mut first, mut second) = (pin!(task("first")), pin!(task("second")));
        loop {
            let ready = (poll_once(first.as_mut()).is_ready(), poll_once(second.as_mut()).is_ready());
            ask("between");
            if ready == (true, true) {
                break;
            }
        }
    });

    let requests = captured.requests();
    for request in &requests {
        let asked = request.input.messages()[0].text();
        let expected = if asked == "between" { "own" } else { asked.as_str() };
        assert_eq!(tags(request), [expected]);
    }
    assert_eq!(requests.iter().filter(|request| tags(request) != ["own"]).count(), 6);
}

#[promptlayer]
async fn ask_yielding(question: &str) -> String {
    tokio::task::yield_now().await;
    format!("You asked: {question}")
}

/// Runs a future on a runtime with two worker threads, whose default subscriber is the current one.
fn on_workers<F: Future<Output = ()> + Send + 'static>(future: F) {
    let dispatch = dispatcher::get_default(Clone::clone);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .on_thread_start(move || std::mem::forget(dispatcher::set_default(&dispatch)))
        .build()
        .unwrap();
    runtime.block_on(async { tokio::spawn(future).await.unwrap() });
}

#[test]
fn spawned_task_is_outside_unless_it_takes_the_scope_along() {
    let captured = captured(|| {
        on_workers(scope().tags(["scope"]).run(async {
            tokio::spawn(ask_yielding("outside")).await.unwrap();
            tokio::spawn(ask_yielding("inside").in_current_scope()).await.unwrap();
            ask_yielding("after").await;
        }));
    });

    let requests = captured.requests();
    let found: Vec<_> =
        requests.iter().map(|request| (request.input.messages()[0].text(), tags(request))).collect();
    let expected = [("outside", vec![]), ("inside", vec!["scope"]), ("after", vec!["scope"])]
        .map(|(asked, tags)| (asked.to_owned(), tags));
    assert_eq!(found, expected);
}

#[test]
fn blocking_code_takes_the_scope_along() {
    let captured = captured(|| {
        on_workers(scope().tags(["scope"]).run(async {
            let scope = scope();
            tokio::task::spawn_blocking(move || scope.in_scope(|| ask("inside"))).await.unwrap();
            tokio::task::spawn_blocking(|| ask("outside")).await.unwrap();
        }));
    });

    let requests = captured.requests();
    assert_eq!(requests.iter().map(tags).collect::<Vec<_>>(), [vec!["scope", "own"], vec!["own"]]);
}

#[test]
fn scope_can_be_run_on_several_threads_at_once() {
    let captured = captured(|| {
        let dispatch = dispatcher::get_default(Clone::clone);
        let shared = scope().tags(["scope"]);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                let (dispatch, shared) = (dispatch.clone(), shared.clone());
                threads
                    .spawn(move || dispatcher::with_default(&dispatch, || shared.in_scope(|| ask("inside"))));
            }
        });
    });

    assert_eq!(captured.requests().len(), 4);
    assert!(captured.requests().iter().all(|request| tags(request) == ["scope", "own"]));
}

#[test]
fn panic_inside_ends_the_scope() {
    let captured = captured(|| {
        let panicked = catch_unwind(|| scope().tags(["scope"]).in_scope(|| panic!("of the user")));
        assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "of the user");
        ask("after closure");

        let future = scope().tags(["scope"]).run(async { panic!("of the user") });
        assert!(catch_unwind(AssertUnwindSafe(|| block_on(future))).is_err());
        ask("after future");
    });

    assert_eq!(captured.requests().iter().map(tags).collect::<Vec<_>>(), [["own"], ["own"]]);
}

/// Makes a call when it is dropped.
struct AskOnDrop;

impl Drop for AskOnDrop {
    fn drop(&mut self) {
        ask("dropped");
    }
}

#[test]
fn dropped_future_is_dropped_in_its_scope() {
    let captured = captured(|| {
        let mut future = Box::pin(scope().tags(["scope"]).run(async {
            let _guard = AskOnDrop;
            std::future::pending::<()>().await;
        }));
        assert!(poll_once(future.as_mut()).is_pending());
        drop(future);
        ask("after");
    });

    assert_eq!(captured.requests().iter().map(tags).collect::<Vec<_>>(), [vec!["scope", "own"], vec!["own"]]);
}

#[promptlayer(kind = "agent", tags = ["agent"])]
async fn agent(inside: impl Future<Output = ()>) {
    inside.await;
}

#[test]
fn task_spawned_in_a_span_inherits_by_its_span() {
    use tracing::Instrument as _;
    let captured = captured(|| {
        on_workers(async {
            agent(async {
                scope()
                    .tags(["scope"])
                    .run(async {
                        let span = tracing::info_span!("job", gen_ai.operation.name = "task");
                        tokio::spawn(async { drop(ask_yielding("spawned").await) }.instrument(span))
                            .await
                            .unwrap();
                    })
                    .await;
            })
            .await;
        });
    });

    assert_eq!(tags(&captured.requests()[0]), ["agent", "scope"]);
}

#[test]
fn thread_that_ends_inside_a_scope_leaves_nothing_behind() {
    let (sender, receiver) = mpsc::channel();
    let request = request_of(|| {
        let dispatch = dispatcher::get_default(Clone::clone);
        let thread = std::thread::spawn(move || {
            thread_local! {
                static LAST: std::cell::RefCell<Option<Scoped>> = const { std::cell::RefCell::new(None) };
            }
            // The future is dropped with the thread, after its scope's own thread-local state may be gone.
            let mut future: Scoped = Box::pin(scope().tags(["scope"]).run(std::future::pending()));
            assert!(poll_once(future.as_mut()).is_pending());
            LAST.set(Some(future));
            dispatcher::with_default(&dispatch, || drop(ask("in thread")));
            sender.send(()).unwrap();
        });
        thread.join().unwrap();
    });
    receiver.recv().unwrap();

    assert_eq!(tags(&request), ["own"]);
}

type Scoped = std::pin::Pin<Box<scope::Scoped<std::future::Pending<()>>>>;
