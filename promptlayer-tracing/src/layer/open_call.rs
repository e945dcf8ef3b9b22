//! Lists open calls, and makes unfinished spans of them.

use std::sync::{Arc, Weak};
use std::time::{Instant, SystemTime};

use promptlayer_blueprint::SpanId;

use crate::kind::SpanKind;
use crate::layer::external_span;
use crate::layer::open_span::{OpenSpan, State};
use crate::layer::so_far::SoFar;
use crate::process::open_calls::{OpenCall, Room, Unfinished};
use crate::span::finished::{FinishedSpan, Place};
use crate::span::input_output::Input;

impl State {
    /// Marks the call as changed, so that it is sent again.
    pub(crate) fn changed(&mut self) {
        if let Some(so_far) = &mut self.so_far {
            so_far.is_changed = true;
        }
    }
}

/// Lists an open call with its input, if the layer's `open_calls` asks for it.
pub(crate) fn list(record: &Arc<OpenSpan>, span: Option<&FinishedSpan>) {
    let Some(open_calls) = &record.processor.open_calls else { return };
    let input = span.and_then(|span| span.input.as_ref());
    let size = input.map_or(0, Input::size);
    let call: Weak<OpenSpan> = Arc::downgrade(record);
    let room = open_calls.list(record.list_key(), call, size);
    if room == Room::None {
        return;
    }
    let input = input.filter(|_| room == Room::WithInput).cloned().map(Arc::new);
    let so_far = SoFar {
        input,
        types: span.map(|span| span.types).unwrap_or_default(),
        started: span.map_or(record.started, |span| span.started),
        started_at: record.started_at,
        is_waiting: false,
        is_changed: true,
    };
    let before = record.lock().so_far.replace(Box::new(so_far));
    drop(before);
}

/// Lets an open call wait for its future to be polled. Until then it has not begun.
pub(crate) fn wait_for_poll(record: &OpenSpan) {
    change(record, |so_far| so_far.is_waiting = true);
}

/// Sets the start of an open call that has waited.
pub(crate) fn restart(record: &OpenSpan, started: SystemTime, started_at: Instant) {
    change(record, |so_far| {
        (so_far.is_waiting, so_far.started, so_far.started_at) = (false, started, started_at);
    });
}

fn change(record: &OpenSpan, change: impl FnOnce(&mut SoFar)) {
    if record.processor.open_calls.is_some()
        && let Some(so_far) = &mut record.lock().so_far
    {
        change(so_far);
    }
}

impl OpenCall for OpenSpan {
    fn place(&self) -> Place {
        OpenSpan::place(self)
    }

    fn local_root(&self) -> Option<SpanId> {
        self.undecided_root()
    }

    fn unfinished(&self) -> Option<Unfinished> {
        let place = OpenSpan::place(self);
        let mut state = self.lock();
        let State { so_far, site, inherited, fields, said, place_for_inner, .. } = &mut *state;
        let so_far = so_far.as_mut()?;
        // An exchange that joined the call around it is a part of that call.
        let is_part = place_for_inner.is_some();
        if is_part || so_far.is_waiting || !std::mem::take(&mut so_far.is_changed) {
            return None;
        }
        let (site, input) = (*site, so_far.input.clone());
        let mut span = Box::new(FinishedSpan::new(self.name, place, so_far.started, Arc::clone(inherited)));
        (span.types, span.duration) = (so_far.types, so_far.started_at.elapsed());
        span.fields = fields.clone();
        let said = said.as_ref().and_then(|said| said.input.clone());
        drop(state);

        let is_whole_call = !self.calls.any();
        let default = if is_whole_call { SpanKind::Llm } else { SpanKind::Chain };
        let of_fields = || external_span::kind(&span.fields.by_name());
        let kind = match site {
            Some(site) => Some(site.kind.unwrap_or(default)),
            None => self.external.and_then(|_| of_fields()),
        };
        let is_own = site.is_some_and(|site| site.kind.is_some());
        let calls_model = kind.is_some_and(SpanKind::is_request) && (is_own || is_whole_call);
        span.local_root = self.undecided_root();
        span.list_key = Some(self.list_key());
        span.function = site.map(|site| site.function);
        span.kind = kind;
        span.is_external = self.external.is_some();
        span.is_unfinished = true;
        span.input = said.map(Input::Value).or_else(|| input.map(|input| Input::clone(&input)));
        Some(Unfinished { span, calls_model })
    }

    fn has_ended(&self) {
        let so_far = self.lock().so_far.take();
        drop(so_far);
    }
}
