//! The response to a form that makes a call: a redirect when the call has ended, or a stream of events for the script.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::app::App;
use crate::pages::list::Status;
use crate::pages::{events, failed, see_other};
use crate::replay::{Piece, Planned, Replay, Slot};
use crate::store::{NewRequest, StoreError};
use crate::timestamp::Timestamp;

/// The number of pieces that wait for a slow reader. Then the response of the model is read no further.
const WAITING: usize = 64;

/// A call that has ended and was logged.
struct Logged {
    id: i64,
    status: String,
    error_type: Option<String>,
    error_message: Option<String>,
}

/// The last event of a stream.
#[derive(Serialize)]
struct End {
    class: &'static str,
    status: &'static str,
    kind: Option<String>,
    message: Option<String>,
    request: Option<String>,
    compare: Option<String>,
}

/// Makes a call and responds with its result. `original` is the request that is replayed.
///
/// The call runs in a task of its own, so that it is logged also if the page is closed.
pub(super) async fn answer(
    app: App,
    replay: &Arc<Replay>,
    planned: Planned,
    slot: Slot,
    original: Option<i64>,
) -> Response {
    let (token, is_streamed) = (slot.token().to_owned(), planned.is_streamed);
    let (sender, mut pieces) = mpsc::channel(WAITING);
    let (ended, end) = oneshot::channel();
    let call = replay.clone().call(planned, slot, sender, app.stopping());
    tokio::spawn(async move {
        let logged = log(&app, call).await;
        // Fails only if the page was closed.
        drop(ended.send(logged));
    });
    if is_streamed {
        let (events, receiver) = mpsc::channel(1);
        tokio::spawn(tell(events, token, pieces, end, original));
        return events::response(receiver);
    }
    while pieces.recv().await.is_some() {}
    match end.await {
        Ok(Ok(logged)) => see_other(&logged.comparison(original).unwrap_or_else(|| logged.request()), None),
        Ok(Err(error)) => failed(&error),
        Err(_) => failed(&StoreError::Interrupted),
    }
}

/// Waits for a call, and stores its request log.
async fn log(app: &App, call: impl Future<Output = NewRequest>) -> Result<Logged, StoreError> {
    let request = call.await;
    let (status, error_type, error_message) =
        (request.status.clone(), request.error_type.clone(), request.error_message.clone());
    let now = Timestamp::now();
    let stored =
        app.store().write(move |store| Ok::<_, StoreError>(store.insert_request(request, (now, now))?));
    stored.await.map(|id| Logged { id, status, error_type, error_message })
}

/// Tells the script what the model says, and how the call ended. Ends when the page is closed.
async fn tell(
    events: mpsc::Sender<Bytes>,
    token: String,
    mut pieces: mpsc::Receiver<Piece>,
    end: oneshot::Receiver<Result<Logged, StoreError>>,
    original: Option<i64>,
) {
    let mut next = Some(event("call", &token));
    while let Some(bytes) = next.take() {
        if events.send(bytes).await.is_err() {
            return;
        }
        next = tokio::select! {
            // Dropping the receiver of the pieces stops the call.
            () = events.closed() => return,
            piece = pieces.recv() => piece.as_ref().map(of_piece),
        };
    }
    let logged = end.await.unwrap_or(Err(StoreError::Interrupted));
    let end = logged.map_or_else(|error| End::not_logged(&error), |logged| logged.end(original));
    // Fails only if the page was closed.
    let _ = events.send(event("end", &end)).await;
}

/// Returns the event of a piece.
fn of_piece(piece: &Piece) -> Bytes {
    match piece {
        Piece::Text(text) => event("text", text),
        Piece::Thinking(text) => event("thinking", text),
        Piece::Call(name, arguments) => event("tool", &[name, arguments]),
    }
}

/// Returns a server-sent event. Its data is JSON, which has no line breaks.
fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

impl Logged {
    /// Returns the page that shows the new request beside the one that was replayed.
    fn comparison(&self, original: Option<i64>) -> Option<String> {
        original.map(|original| format!("/compare?a={original}&b={}", self.id))
    }

    fn request(&self) -> String {
        format!("/requests/{}", self.id)
    }

    fn end(self, original: Option<i64>) -> End {
        let Status { word, class } = Status::of(&self.status);
        End {
            class,
            status: word,
            request: Some(self.request()),
            compare: self.comparison(original),
            kind: self.error_type,
            message: self.error_message,
        }
    }
}

impl End {
    fn not_logged(error: &StoreError) -> Self {
        let Status { word, class } = Status::of("ERROR");
        let message = Some(format!("The call has ended, but it was not logged. {error}"));
        Self { class, status: word, kind: None, message, request: None, compare: None }
    }
}
