//! The layer without a tokio runtime, with a runtime of each kind, and while a runtime is being dropped.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use promptlayer_tracing::{LayerBuilder, LoggedRequest, ShutdownGuard, promptlayer};
use serde_json::Value;
use tests::Recorder;
use tests::pipeline::{BATCH, assert_balanced, dispatch, layer_to};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tracing::instrument::WithSubscriber;
use tracing::{Dispatch, dispatcher};

const LONG: Duration = Duration::from_secs(60);

#[promptlayer]
fn ask(question: &str) -> String {
    question.to_uppercase()
}

/// Returns `Poll::Pending` once and wakes its own task.
async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[promptlayer]
async fn ask_later(question: &str) -> String {
    pause().await;
    question.to_uppercase()
}

/// Reports its start and never completes.
#[promptlayer]
async fn ask_forever(question: &str, begun: UnboundedSender<()>) -> String {
    begun.send(()).unwrap();
    std::future::pending::<()>().await;
    question.to_uppercase()
}

/// A step that makes two calls: a synchronous one and an async one.
#[promptlayer(kind = "chain")]
async fn discuss(question: &str) -> String {
    let asked = ask(question);
    ask_later(&asked).await
}

/// Counts the ids that the hook received and tracked.
#[derive(Clone, Default)]
struct Told(Arc<AtomicUsize>);

impl Told {
    fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Builds a layer with an async hook. Such a hook needs a runtime, regardless of where the calls are made.
    fn layer_to(&self, recorder: &Recorder) -> LayerBuilder {
        let told = self.clone();
        layer_to(recorder.url()).on_request_id_async(move |request: LoggedRequest| {
            let told = told.clone();
            async move {
                request.track().score(100).await.unwrap();
                told.0.fetch_add(1, Ordering::SeqCst);
            }
        })
    }
}

/// Checks that `times` discussions were logged, each in its own trace, and that their hooks ran.
fn assert_discussed(recorder: &Recorder, told: &Told, guard: ShutdownGuard, times: usize) {
    let stats = guard.shutdown(LONG);
    assert_balanced(&stats.spans);
    assert!(stats.spans.is_complete(), "{:#?}", stats.spans);
    assert_eq!((told.times(), stats.hooks.panicked), (2 * times, 0));
    assert_eq!(recorder.bodies("/rest/track-score").len(), 2 * times);

    let spans = recorder.accepted_spans();
    assert_eq!(spans.len(), 3 * times);
    let steps: Vec<&Value> = spans.iter().filter(|span| span["name"] == "discuss").collect();
    assert_eq!(steps.len(), times);
    for step in steps {
        let inside = spans.iter().filter(|span| span["parent_id"] == step["context"]["span_id"]);
        let mut names: Vec<&str> = inside
            .map(|span| {
                assert_eq!(span["context"]["trace_id"], step["context"]["trace_id"]);
                assert_eq!(span["log_request"]["status"], "SUCCESS");
                span["name"].as_str().unwrap()
            })
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["ask", "ask_later"]);
    }
}

fn built(recorder: &Recorder, told: &Told) -> (Dispatch, ShutdownGuard) {
    let (layer, guard) = told.layer_to(recorder).build().unwrap();
    (dispatch(layer), guard)
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Unparks a thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future without a runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn layer_works_without_a_runtime() {
    let (recorder, told) = (Recorder::start().unwrap(), Told::default());
    let (dispatch, guard) = built(&recorder, &told);
    dispatcher::with_default(&dispatch, || {
        for _ in 0..BATCH {
            assert_eq!(block_on(discuss("why?")), "WHY?");
        }
    });
    assert!(guard.flush(LONG).is_complete());
    assert_discussed(&recorder, &told, guard, BATCH);
}

#[test]
fn flush_can_block_the_only_thread_of_a_runtime() {
    let (recorder, told) = (Recorder::start().unwrap(), Told::default());
    let guard = current_thread().block_on(async {
        let (dispatch, guard) = built(&recorder, &told);
        for _ in 0..BATCH {
            assert_eq!(discuss("why?").with_subscriber(dispatch.clone()).await, "WHY?");
        }
        let task = tokio::spawn(discuss("why?").with_subscriber(dispatch.clone()));
        assert_eq!(task.await.unwrap(), "WHY?");
        assert!(guard.flush(LONG).is_complete());
        assert_eq!(told.times(), 2 * (BATCH + 1), "hooks have a runtime of their own");
        guard
    });
    assert_discussed(&recorder, &told, guard, BATCH + 1);
}

#[test]
fn layer_starts_and_stops_inside_a_current_thread_runtime() {
    let (recorder, told) = (Recorder::start().unwrap(), Told::default());
    current_thread().block_on(async {
        let (dispatch, guard) = built(&recorder, &told);
        discuss("why?").with_subscriber(dispatch).await;
        assert_discussed(&recorder, &told, guard, 1);
    });
}

#[test]
fn layer_works_on_a_multi_thread_runtime() {
    let (recorder, told) = (Recorder::start().unwrap(), Told::default());
    let runtime = multi_thread();
    let guard = runtime.block_on(async {
        let (dispatch, guard) = built(&recorder, &told);
        let tasks: Vec<_> =
            (0..5 * BATCH).map(|_| tokio::spawn(discuss("why?").with_subscriber(dispatch.clone()))).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), "WHY?");
        }
        let blocking = tokio::task::spawn_blocking(move || {
            dispatcher::with_default(&dispatch, || block_on(discuss("why?")))
        });
        assert_eq!(blocking.await.unwrap(), "WHY?");
        // The flush blocks a thread of the runtime, as it would in an application's `main`.
        assert!(guard.flush(LONG).is_complete());
        guard
    });
    assert_discussed(&recorder, &told, guard, 5 * BATCH + 1);
}

#[test]
fn task_can_flush_and_drop_the_guard() {
    for runtime in [current_thread(), multi_thread()] {
        let (recorder, told) = (Recorder::start().unwrap(), Told::default());
        runtime.block_on(async {
            let (dispatch, guard) = built(&recorder, &told);
            let task = async move {
                discuss("why?").await;
                assert!(guard.flush(LONG).is_complete());
                discuss("why?").await;
                drop(guard);
            };
            tokio::spawn(task.with_subscriber(dispatch)).await.unwrap();
        });
        assert_eq!(recorder.accepted_spans().len(), 6);
        assert_eq!(told.times(), 4);
    }
}

/// Makes one more call when it is dropped.
struct LastWord(Dispatch);

impl Drop for LastWord {
    fn drop(&mut self) {
        dispatcher::with_default(&self.0, || ask("one more thing?"));
    }
}

#[test]
fn calls_cut_off_by_a_dropped_runtime_are_warnings() {
    for runtime in [current_thread(), multi_thread()] {
        let (recorder, told) = (Recorder::start().unwrap(), Told::default());
        let (dispatch, guard) = built(&recorder, &told);
        let (sender, mut begun) = unbounded_channel();
        for _ in 0..3 {
            let sender = sender.clone();
            let task = async move { ask_forever("why?", sender).await };
            runtime.spawn(task.with_subscriber(dispatch.clone()));
        }
        runtime.block_on(async {
            for _ in 0..3 {
                begun.recv().await.unwrap();
            }
        });
        drop(runtime);

        dispatcher::with_default(&dispatch, || ask("is anybody there?"));
        let stats = guard.shutdown(LONG);
        assert!(stats.spans.is_complete(), "{:#?}", stats.spans);
        assert_eq!((stats.spans.delivered, told.times()), (4, 4));
        let of = |status: &str| recorder.request_logs().iter().filter(|log| log["status"] == status).count();
        assert_eq!((of("WARNING"), of("SUCCESS")), (3, 1));
    }
}

#[test]
fn calls_made_while_a_runtime_is_dropped_are_logged() {
    for runtime in [current_thread(), multi_thread()] {
        let (recorder, told) = (Recorder::start().unwrap(), Told::default());
        let (dispatch, guard) = built(&recorder, &told);
        let (sender, mut begun) = unbounded_channel();
        let last_word = LastWord(dispatch);
        runtime.spawn(async move {
            let _last_word = last_word;
            sender.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        runtime.block_on(begun.recv()).unwrap();
        drop(runtime);

        let stats = guard.shutdown(LONG);
        assert_eq!((stats.spans.delivered, told.times()), (1, 1), "{:#?}", stats.spans);
        assert_eq!(recorder.request_logs().len(), 1);
    }
}

#[test]
fn guard_dropped_with_its_runtime_sends_remaining_spans() {
    for runtime in [current_thread(), multi_thread()] {
        let (recorder, told) = (Recorder::start().unwrap(), Told::default());
        let (sender, mut begun) = unbounded_channel();
        let (dispatch, guard) = runtime.block_on(async { built(&recorder, &told) });
        let task = async move {
            let _guard = guard;
            discuss("why?").await;
            sender.send(()).unwrap();
            std::future::pending::<()>().await;
        };
        runtime.spawn(task.with_subscriber(dispatch));
        runtime.block_on(begun.recv()).unwrap();
        drop(runtime);
        assert_eq!((recorder.accepted_spans().len(), told.times()), (3, 2));
    }
}

#[test]
fn layer_outlives_the_runtime_in_which_it_was_built() {
    for runtime in [current_thread(), multi_thread()] {
        let (recorder, told) = (Recorder::start().unwrap(), Told::default());
        let (dispatch, guard) = runtime.block_on(async { built(&recorder, &told) });
        runtime.block_on(discuss("why?").with_subscriber(dispatch.clone()));
        assert!(guard.flush(LONG).is_complete());
        drop(runtime);

        dispatcher::with_default(&dispatch, || block_on(discuss("why?")));
        let another = current_thread();
        another.block_on(discuss("why?").with_subscriber(dispatch.clone()));
        assert!(guard.flush(LONG).is_complete());
        assert_discussed(&recorder, &told, guard, 3);
    }
}
