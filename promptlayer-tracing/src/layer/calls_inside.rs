//! The model calls inside an open span, and which of them makes the request log.
//!
//! The innermost call makes the request log. There is one exception: an interceptor of HTTP requests sees the
//! exchange of a call that is recorded already, by the attribute or by a span of another crate. That exchange
//! joins the call. It makes no span of its own: when it ends, it waits at the call, and the call completes its
//! own request log with it.
//!
//! If another model call begins inside the same span, the exchange was not the whole call. It then makes a
//! request log of its own, like every other call inside, and the span around makes none. The exception is an
//! exchange that failed: another exchange after it is a retry, and joins in its place.

#![cfg_attr(not(feature = "middleware"), allow(dead_code, reason = "only an interceptor sees exchanges"))]

use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::Span;

use crate::span::finished::FinishedSpan;
use crate::span::input_output::Ending;

/// What began inside an open span.
#[derive(Debug, Default)]
pub(crate) struct CallsInside(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// No model call.
    #[default]
    None,
    /// The exchange of the span's own call is in progress.
    Exchange,
    /// The exchange of the span's own call has ended.
    Exchanged(Box<Ended>),
    /// The span has ended, and waits for its exchange.
    Waiting(Box<Ended>),
    /// Model calls that make request logs of their own; or the span has ended.
    Separate,
}

/// A span that has ended, with its handle, on which its attributes are recorded.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) finished: Box<FinishedSpan>,
    pub(crate) span: Option<Span>,
}

/// What a model call inside finds.
#[derive(Debug)]
pub(crate) enum Announced {
    /// The spans further out are marked already.
    Already,
    /// This span is now marked. An exchange that had joined it makes a log of its own.
    Now(Option<Box<Ended>>),
}

/// How an exchange relates to the span around it.
#[derive(Debug)]
pub(crate) enum Joined {
    /// It belongs to the span. An earlier attempt, which failed, makes a log of its own.
    Yes(Option<Box<Ended>>),
    /// It makes a log of its own, and so does an exchange that had joined the span.
    No(Option<Box<Ended>>),
}

/// The request log of a span that ends.
#[derive(Debug)]
pub(crate) enum Closed {
    /// The span makes the log.
    Own(Box<FinishedSpan>),
    /// Calls inside make logs.
    Separate(Box<FinishedSpan>),
    /// The span waits for its exchange, which ends both.
    Waiting,
}

/// What an exchange that ends does to the call that it has joined.
#[derive(Debug)]
pub(crate) enum Exchanged {
    /// The call will end later, with the exchange.
    Kept,
    /// The call had ended already, and is complete now.
    Complete(Ended),
    /// The exchange belongs to the call no longer, and makes a log of its own.
    Alone(Box<FinishedSpan>),
}

impl CallsInside {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the state by what `next` returns for it.
    fn change<R>(&self, next: impl FnOnce(State) -> (State, R)) -> R {
        let mut state = self.lock();
        let (new, answer) = next(std::mem::take(&mut *state));
        *state = new;
        answer
    }

    /// Marks the span: a model call inside makes a request log.
    pub(crate) fn announce(&self) -> Announced {
        self.change(|state| match state {
            State::None | State::Exchange => (State::Separate, Announced::Now(None)),
            State::Exchanged(exchange) => (State::Separate, Announced::Now(Some(exchange))),
            State::Waiting(ended) => (State::Waiting(ended), Announced::Already),
            State::Separate => (State::Separate, Announced::Already),
        })
    }

    /// Begins an exchange that may be the span's own call.
    pub(crate) fn join(&self) -> Joined {
        self.change(|state| match state {
            State::None => (State::Exchange, Joined::Yes(None)),
            State::Exchanged(before) if matches!(before.finished.ending, Ending::Failed(_)) => {
                (State::Exchange, Joined::Yes(Some(before)))
            }
            State::Exchanged(before) => (State::Separate, Joined::No(Some(before))),
            State::Exchange | State::Separate => (State::Separate, Joined::No(None)),
            State::Waiting(ended) => (State::Waiting(ended), Joined::No(None)),
        })
    }

    /// Ends an exchange that has joined the span. `span` returns its handle, if it is needed later.
    pub(crate) fn exchanged(
        &self,
        exchange: Box<FinishedSpan>,
        span: impl FnOnce() -> Option<Span>,
    ) -> Exchanged {
        self.change(|state| match state {
            State::Exchange => {
                let ended = Ended { finished: exchange, span: span() };
                (State::Exchanged(Box::new(ended)), Exchanged::Kept)
            }
            State::Waiting(mut ended) => {
                ended.finished.complete(exchange);
                (State::Separate, Exchanged::Complete(*ended))
            }
            other => (other, Exchanged::Alone(exchange)),
        })
    }

    /// Ends the span. `span` returns its handle, if it is needed later.
    pub(crate) fn close(
        &self,
        mut finished: Box<FinishedSpan>,
        span: impl FnOnce() -> Option<Span>,
    ) -> Closed {
        let mut state = self.lock();
        let exchange = match std::mem::replace(&mut *state, State::Separate) {
            State::None => return Closed::Own(finished),
            State::Exchanged(exchange) => exchange,
            State::Exchange => {
                *state = State::Waiting(Box::new(Ended { finished, span: span() }));
                return Closed::Waiting;
            }
            State::Waiting(_) | State::Separate => return Closed::Separate(finished),
        };
        // The span of the exchange may end here, which runs code of its subscriber: not while this is locked.
        drop(state);
        finished.complete(exchange.finished);
        Closed::Own(finished)
    }
}
