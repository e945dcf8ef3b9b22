//! `GET /events`: tells an open page that something was stored, as server-sent events.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use tokio::sync::mpsc;

use crate::app::App;

/// The minimum time between two events. Further writes are told together.
const PAUSE: Duration = Duration::from_millis(500);

/// The time after which a comment is sent, so that the connection of a page that was closed is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

const STORED: Bytes = Bytes::from_static(b"event: stored\ndata:\n\n");
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// The events of one page. The stream ends when the server stops.
struct Events(mpsc::Receiver<Bytes>);

impl Stream for Events {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}

pub(super) async fn stream(State(app): State<App>) -> Response {
    let (events, receiver) = mpsc::channel(1);
    tokio::spawn(send(app, events));
    response(receiver)
}

/// Returns a response with the events of a channel. It ends when the channel is closed.
pub(super) fn response(events: mpsc::Receiver<Bytes>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Body::from_stream(Events(events))).into_response()
}

async fn send(app: App, events: mpsc::Sender<Bytes>) {
    let mut writes = app.store().writes();
    let mut stopping = app.stopping();
    // A first comment, so that the headers are sent at once.
    if events.send(COMMENT).await.is_err() {
        return;
    }
    loop {
        let event = tokio::select! {
            _ = stopping.wait_for(|is_stopping| *is_stopping) => return,
            () = events.closed() => return,
            changed = tokio::time::timeout(KEEP_ALIVE, writes.changed()) => match changed {
                Ok(Ok(())) => STORED,
                Ok(Err(_)) => return,
                Err(_) => COMMENT,
            },
        };
        if events.send(event).await.is_err() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
