//! Sends calls that have not ended.

use std::time::SystemTime;

use promptlayer_blueprint::semconv;
use promptlayer_client::exporter::clock;
use serde_json::Value;

use crate::process::open_calls::{OpenCall, Unfinished};
use crate::process::{ProcessedSpan, SpanProcessor, mark_kept};

impl SpanProcessor {
    /// Sends the calls that have not ended, and that have begun or changed since the last time, as unfinished.
    ///
    /// It may run the user's closures for redaction, so it must not be called in a panic hook or under a lock.
    pub(crate) fn send_open_calls(&self) {
        let Some(open_calls) = &self.open_calls else { return };
        let mut unfinished: Vec<ProcessedSpan> =
            open_calls.all().iter().filter_map(|call| self.so_far(&**call)).collect();
        // The spans around a call come before it.
        unfinished.sort_by_key(|processed| processed.span.started);
        for processed in unfinished {
            // A call that has ended in the meantime was handed over with all its data.
            if processed.span.list_key.is_some_and(|key| open_calls.holds(key)) {
                self.exporter.take(processed);
            }
        }
    }

    /// Returns a call so far. Returns `None` if there is nothing new, or if its trace is not sent.
    fn so_far(&self, call: &dyn OpenCall) -> Option<ProcessedSpan> {
        if !self.keeps_trace {
            return None;
        }
        let place = call.place();
        let reason = match (&self.undecided, call.local_root()) {
            _ if place.is_sampled => None,
            (Some(undecided), Some(root)) => Some(undecided.reason(place.trace_id, root)?),
            _ => return None,
        };
        let mut processed = self.prepare_unfinished(call.unfinished()?);
        if let Some(reason) = reason {
            mark_kept(&mut processed.span, reason);
        }
        Some(processed)
    }

    /// Prepares an unfinished span. It has no request log, and no attributes from which one could be made: the span that
    /// follows has it.
    fn prepare_unfinished(&self, Unfinished { mut span, calls_model }: Unfinished) -> ProcessedSpan {
        span.started = clock::start_of(span.started, span.duration, SystemTime::now);
        let mut tags = span.inherited.tags.clone();
        let size = span.size();
        let mut processed = ProcessedSpan { span, converted: None, size, is_of_hook: false };
        // The user's closure rewrites requests, so the input is taken from the request. So it is if the fields of another
        // crate's span hold it.
        let needs_request = calls_model && (self.redact.request.is_some() || processed.span.is_external);
        processed.span.is_request = needs_request;
        if self.redact.is_asked_for() || !self.capture_content {
            self.rewrite(&mut processed);
        } else if needs_request {
            let _ = self.converted(&mut processed);
        }
        processed.span.is_request = false;
        if let Some(converted) = processed.converted.as_mut().filter(|_| needs_request) {
            if let Some(log) = converted.log.take() {
                let input = Some(&log.input).filter(|input| !input.text().is_empty());
                converted.function_input = input.and_then(|input| serde_json::to_string(input).ok());
                tags = log.tags;
            }
            converted.function_output = None;
            converted.problem = None;
            converted.attributes.clear();
        }
        let fields = processed.span.fields.by_name_mut();
        if calls_model {
            fields.retain(|name, _| !name.starts_with(semconv::PREFIX));
        }
        if !tags.is_empty() {
            let tags = serde_json::to_value(&tags).unwrap_or(Value::Null);
            fields.entry(semconv::TAGS).or_insert(tags);
        }
        fields.insert(semconv::UNFINISHED.to_owned(), true.into());
        processed
    }
}
