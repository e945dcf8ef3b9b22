//! Handling of responses, and of requests without one.

use std::time::Duration;

use promptlayer_client::exporter::{Answer, Failure};
use serde::Deserialize;
use tokio::time::Instant;

use crate::error::{Error, Repr};
use crate::export::batch::item::{Batch, BatchItem, Pause};
use crate::export::delivery::gate::RequestNumber;
use crate::export::delivery::refusals::{Refusal, Refusals, Verdict};
use crate::export::delivery::response_class::{self, Outcome, Success};
use crate::export::delivery::retry::Attempts;
use crate::export::delivery::transport::Transport;
use crate::export::delivery::{Deliverer, GivenUp, Next, Unproven};
use crate::export::encode::content::{Content, HookPayload, SpanForm};
use crate::export::encode::spans_bulk::{LogAnswer, SpansAnswer};
use crate::export::queue::ledger::{End, RejectReason};

/// The response to a tracking call.
#[derive(Debug, Deserialize)]
struct Tracked {
    success: bool,
}

/// Returns a response whose error can be quoted: an OTLP endpoint may answer in protobuf.
#[cfg_attr(not(feature = "otlp"), allow(unused_variables, reason = "every response is text"))]
fn readable(result: Result<Answer, Failure>, form: Option<SpanForm>) -> Result<Answer, Failure> {
    match (result, form) {
        #[cfg(feature = "otlp")]
        (Ok(answer), Some(SpanForm::Otlp)) => {
            let body = crate::export::encode::otlp::answer::error_text(answer.body);
            Ok(Answer { body, ..answer })
        }
        (result, _) => result,
    }
}

/// What a response of `POST /spans-bulk` leaves unproven.
#[derive(Debug, Default)]
struct Proof {
    /// Spans that the response does not contain.
    unproven: Vec<BatchItem>,
    /// Spans that the response contains, without the id of their request.
    without_id: Vec<BatchItem>,
}

impl<T: Transport> Deliverer<T> {
    pub(crate) fn answered(
        &self,
        request: RequestNumber,
        result: Result<Answer, Failure>,
        batch: &mut Batch,
        attempts: &Attempts,
    ) -> Next {
        let path = batch.path();
        let outcome = response_class::classify(&result, batch.is_tracking());
        if let Outcome::Accepted(success) = outcome {
            return self.accepted(request, &success, batch, attempts);
        }
        let form = batch.kind().map(Content::form);
        // The positions of faulty spans in a body of another form mean something else.
        let body =
            result.as_ref().ok().filter(|_| form == Some(SpanForm::Json)).map(|answer| answer.body.clone());
        let asked = result.as_ref().ok().and_then(|answer| answer.retry_after);
        let error = self.error(format!("POST {path}"), readable(result, form));
        let (kind, wait) = match outcome {
            Outcome::Accepted(_) => return Next::Done(Vec::new()),
            Outcome::Faulty(reason) => {
                self.gate.passed(path, request);
                return Next::Done(self.part_faulty(batch, reason, error, body.as_deref()));
            }
            Outcome::NotSent => {
                self.report(error);
                if !batch.may_have_arrived {
                    self.enter_sent(batch, false);
                }
                batch.refusals = None;
                let delay = attempts.delay(None);
                self.gate.hold_for(delay.unwrap_or_default());
                return delay.map_or(Next::GiveUp(GivenUp::Expired), |_| Next::Again);
            }
            Outcome::Busy(wait) => (Refusal::Busy, wait),
            Outcome::Refused(reason) => (Refusal::Settings(reason), None),
            Outcome::Ambiguous => (Refusal::Failure, None),
        };
        let verdict = self.enter_refusal(kind, request, batch);
        match kind {
            Refusal::Settings(reason) => self.refused(reason, verdict, error, batch, attempts),
            Refusal::Busy => {
                let delay = attempts.delay(wait);
                if verdict != Verdict::AtFault {
                    // Hold the other batches for as long as the service asks, even if this one is not
                    // retried.
                    self.gate.hold_for(delay.max(wait).unwrap_or_default());
                }
                if let Some(parts) = self.part_refused(batch, verdict, *attempts, error) {
                    return Next::Done(parts);
                }
                let Some(delay) = delay else { return Next::GiveUp(GivenUp::Expired) };
                if verdict == Verdict::AtFault {
                    batch.pause = Pause::For(delay);
                }
                Next::Later
            }
            Refusal::Failure => self.failed(verdict, error, asked, batch, attempts),
        }
    }

    /// Counts a refusal. Returns the verdict on the batch from all refusals so far.
    fn enter_refusal(&self, kind: Refusal, request: RequestNumber, batch: &mut Batch) -> Verdict {
        let others_passed = |since| self.gate.has_passed_since(batch.path(), since);
        let (refusals, verdict) = Refusals::enter(batch.refusals, kind, request, others_passed);
        batch.refusals = Some(refusals);
        verdict
    }

    /// Handles a rejection by the service or by something in front of it: of all requests, or of an item in
    /// this batch.
    fn refused(
        &self,
        reason: RejectReason,
        verdict: Verdict,
        error: Error,
        batch: &mut Batch,
        attempts: &Attempts,
    ) -> Next {
        let probe_interval = self.retry.probe_interval;
        match verdict {
            Verdict::Again => self.gate.suspect_for(probe_interval, Some(reason)),
            // One span of the batch is tried at once.
            Verdict::Stuck => self.gate.suspect_for(Duration::ZERO, Some(reason)),
            Verdict::AtFault => {}
        }
        // At shutdown, do not wait for the settings to be corrected.
        if self.is_ending() {
            self.report(error);
            return Next::GiveUp(GivenUp::Refused(reason));
        }
        if let Some(parts) = self.part_refused(batch, verdict, *attempts, error) {
            return Next::Done(parts);
        }
        let left = attempts.time_left();
        if left.is_zero() {
            return Next::GiveUp(GivenUp::Refused(reason));
        }
        batch.pause = Pause::UntilOthersPass(probe_interval.min(left));
        Next::Later
    }

    /// Handles a failure of the service, or a missing response. The batch is ambiguous: it may have arrived.
    fn failed(
        &self,
        verdict: Verdict,
        error: Error,
        asked: Option<Duration>,
        batch: &mut Batch,
        attempts: &Attempts,
    ) -> Next {
        let delay = attempts.delay(None);
        if verdict != Verdict::AtFault {
            self.gate.suspect_for(delay.unwrap_or_default(), None);
        }
        match batch.kind() {
            // Tracking calls are idempotent, so a retry is safe.
            Some(Content::Track { .. }) => {
                if let Some(parts) = self.part_refused(batch, verdict, *attempts, error) {
                    return Next::Done(parts);
                }
                let Some(delay) = delay else { return Next::GiveUp(GivenUp::Ambiguous) };
                batch.pause = Pause::For(delay);
                Next::Later
            }
            // There is no trace to read the outcome from.
            Some(Content::Log { .. }) => {
                self.report(error);
                Next::GiveUp(GivenUp::Ambiguous)
            }
            // OTLP asks to send the same spans again, under the same ids.
            Some(Content::Span { .. }) if !self.pipeline.encoder.format.can_be_read_back() => {
                batch.may_have_arrived = true;
                let delay = attempts.delay(asked);
                if let Some(parts) = self.part_refused(batch, verdict, *attempts, error) {
                    return Next::Done(parts);
                }
                let Some(delay) = delay else { return Next::GiveUp(GivenUp::Ambiguous) };
                batch.pause = Pause::For(delay);
                Next::Later
            }
            Some(Content::Span { .. }) | None => {
                batch.ambiguous_since = Some(Instant::now());
                match verdict {
                    Verdict::Again => self.report(error),
                    // The decision follows once the read-back shows which spans arrived.
                    Verdict::AtFault | Verdict::Stuck => batch.suspicion = Some((verdict, error)),
                }
                Next::Later
            }
        }
    }

    /// Handles a success status. Only items that the response body proves count as delivered.
    fn accepted(
        &self,
        request: RequestNumber,
        success: &Success,
        batch: &mut Batch,
        attempts: &Attempts,
    ) -> Next {
        #[cfg(feature = "otlp")]
        if let Some(Content::Span { form: SpanForm::Otlp, .. }) = batch.kind() {
            return self.exported(request, success, batch, attempts);
        }
        let (path, body) = (batch.path(), success.body.as_slice());
        let items = std::mem::take(&mut batch.items);
        let unreadable = |source| self.http.error_of_unreadable(format!("POST {path}"), body, source);
        let declined = || self.http.declined(path, body);
        match items.first().map(|item| &item.content) {
            Some(Content::Track { .. }) => match (serde_json::from_slice::<Tracked>(body), declined()) {
                (Ok(Tracked { success: true }), _) => {
                    self.gate.passed(path, request);
                    self.succeeded();
                    self.settle_all(items, End::Delivered);
                }
                (Ok(_), declined) => {
                    self.gate.passed(path, request);
                    if let Some(error) = declined {
                        self.report(error);
                    }
                    self.settle_all(items, End::Rejected(RejectReason::Invalid));
                }
                (Err(source), _) => {
                    batch.items = items;
                    let verdict = self.enter_refusal(Refusal::Failure, request, batch);
                    return self.failed(verdict, unreadable(source).into(), None, batch, attempts);
                }
            },
            Some(Content::Log { .. }) => {
                let answer = declined().map_or_else(|| serde_json::from_slice(body).map_err(unreadable), Err);
                match answer {
                    Ok(LogAnswer { id }) => {
                        self.gate.passed(path, request);
                        self.succeeded();
                        for item in items {
                            self.logged(item, Some(id));
                        }
                    }
                    Err(error) => {
                        self.gate.suspect_for(attempts.delay(None).unwrap_or_default(), None);
                        self.report(error);
                        self.settle_all(items, End::Unknown);
                    }
                }
            }
            Some(Content::Span { .. }) => {
                let answer = match SpansAnswer::read(body) {
                    Ok(answer) if !answer.says_failure() => Ok(answer),
                    Ok(_) => Err(declined()),
                    Err(source) => Err(declined().or_else(|| Some(unreadable(source)))),
                };
                let answer = answer.unwrap_or_else(|error| {
                    if let Some(error) = error {
                        self.report(error);
                    }
                    SpansAnswer::default()
                });
                let sent = items.len();
                let Proof { unproven, without_id } = self.settle_proven(items, &answer);
                if unproven.len() < sent {
                    self.gate.passed(path, request);
                } else {
                    // The response may come from another server, so few further requests should go there.
                    self.gate.suspect_for(attempts.delay(None).unwrap_or_default(), None);
                }
                if unproven.is_empty() {
                    self.succeeded();
                }
                if !unproven.is_empty() || !without_id.is_empty() {
                    batch.items = unproven;
                    return Next::Confirm(Unproven { without_id, ..Unproven::default() });
                }
            }
            None => {}
        }
        Next::Done(Vec::new())
    }

    /// Settles the spans that the response contains, and returns the rest.
    fn settle_proven(&self, items: Vec<BatchItem>, answer: &SpansAnswer) -> Proof {
        let (ids, taken, rejected) = (answer.ids(), answer.taken(), answer.rejected());
        let mut proof = Proof::default();
        let _hold = self.pipeline.progress.hold();
        for item in items {
            let Content::Span { trace_id, span_id, hook_payload, .. } = &item.content else { continue };
            if rejected.holds(*trace_id, *span_id) {
                self.settle(item, End::Rejected(RejectReason::TraceClosed));
                continue;
            }
            match (ids.get(span_id).copied(), hook_payload) {
                (Some(id), _) => self.logged(item, Some(id)),
                (None, _) if !taken.contains(span_id) => proof.unproven.push(item),
                (None, None) => self.settle(item, End::Delivered),
                (None, Some(HookPayload { prompt: Some(prompt), name, .. })) => {
                    // The span was stored without its request: the service skips a request whose prompt
                    // template does not exist.
                    let error =
                        Repr::PromptMissing { prompt: prompt.clone(), function: name.clone().into_owned() }
                            .into();
                    self.skipped(item, error);
                }
                (None, Some(_)) => proof.without_id.push(item),
            }
        }
        proof
    }
}
