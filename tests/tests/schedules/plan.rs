//! A schedule, generated from a seed.

use std::fmt;
use std::time::Duration;

use promptlayer_tracing::export::{Otlp, SpoolMode};
use promptlayer_tracing::{LayerBuilder, export};
use tests::proxy::Fault;
use tests::random::Random;

/// Statuses of every class that a service, or a gateway in front of it, may return.
const STATUSES: [u16; 29] = [
    301, 302, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 415, 418, 422, 425, 429, 431,
    451, 500, 501, 502, 503, 504, 507, 520,
];

/// The response to one request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// The normal response.
    Healthy,
    /// This status. Nothing is stored.
    Refuse(u16),
    /// This status with `Retry-After: 0`. Nothing is stored.
    RefuseForNow(u16),
    /// This status, after everything was stored.
    StoreAndFail(u16),
    /// A success response that proves nothing. `stored` is how many quarters of the spans are stored.
    Unproven { body: Body, stored: usize },
    /// Half a response, after everything was stored.
    Broken,
    /// A success response that omits the ids of some requests.
    WithoutIds(usize),
    /// A connection reset before anything is stored.
    ResetBefore,
    /// A connection reset after everything was stored.
    ResetAfter,
    /// The normal response after this delay. Everything is stored at once.
    Late(Duration),
    /// The normal response. But the open connections break, and the next connection has this fault.
    Connection(Fault),
}

/// The body of a success response that names no ids.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    Empty,
    NoContent,
    Object,
    Declined,
    Html,
    Multi,
}

/// The wire of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    SpansBulk,
    LogRequest,
    /// OTLP to PromptLayer, whose traces can be read back.
    Otlp,
    /// OTLP to a server that is treated as a collector.
    Collector,
}

impl Wire {
    /// Makes a layer use this wire, to the server at `url`.
    pub(crate) fn of(self, builder: LayerBuilder, url: &str, key: &str) -> LayerBuilder {
        let promptlayer = |builder: LayerBuilder| builder.api_key(key).base_url(url);
        match self {
            Self::SpansBulk => promptlayer(builder),
            Self::LogRequest => promptlayer(builder).wire(export::Wire::LogRequest),
            Self::Otlp => promptlayer(builder).otlp(Otlp::promptlayer()),
            Self::Collector => builder.otlp(Otlp::collector().endpoint(format!("{url}/v1/traces"))),
        }
    }

    /// Returns `true` if spans are sent to an OTLP endpoint.
    pub(crate) fn is_otlp(self) -> bool {
        matches!(self, Self::Otlp | Self::Collector)
    }

    /// Returns `true` if spans can be read back from their traces.
    pub(crate) fn can_be_read_back(self) -> bool {
        matches!(self, Self::SpansBulk | Self::Otlp)
    }
}

/// A shutdown of the pipeline in the middle of the schedule. A second pipeline takes over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restart {
    /// The shutdown starts after this many requests, or when everything has settled.
    pub(crate) after_requests: usize,
    /// The timeout of the shutdown.
    pub(crate) timeout: Duration,
}

/// A schedule.
#[derive(Debug)]
pub(crate) struct Plan {
    seed: u64,
    pub(crate) wire: Wire,
    pub(crate) mode: Option<SpoolMode>,
    pub(crate) restart: Option<Restart>,
    pub(crate) tracks: bool,
    /// Whether the server refuses connections at first.
    pub(crate) is_closed_at_first: bool,
    pub(crate) calls: usize,
    pub(crate) batch: usize,
    pub(crate) in_flight: usize,
    pub(crate) threads: usize,
    pub(crate) steps: Vec<Step>,
    /// The responses to requests that read traces back.
    pub(crate) readings: Vec<Step>,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, wire, mode, restart, tracks, calls, batch, in_flight, .. } = self;
        write!(
            f,
            "seed {seed} ({wire:?}, spool {mode:?}, restart {restart:?}, tracks {tracks}, {calls} calls, batches of \
             {batch}, {in_flight} in flight, closed at first {}, {:?}, readings {:?})",
            self.is_closed_at_first, self.steps, self.readings
        )
    }
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let modes =
            [None, Some(SpoolMode::OnFailure), Some(SpoolMode::WriteAhead), Some(SpoolMode::Synchronous)];
        let mode = *random.pick(&modes);
        let restart = (mode.is_some() && random.once_in(2)).then(|| Restart {
            after_requests: random.below(12),
            timeout: Duration::from_millis(*random.pick(&[0, 5, 20, 100])),
        });
        let steps = (0..2 + random.below(12)).map(|_| step(random)).collect();
        let readings = (0..random.below(4)).map(|_| reading(random)).collect();
        Self {
            seed,
            wire: *random.pick(&[
                Wire::SpansBulk,
                Wire::SpansBulk,
                Wire::LogRequest,
                Wire::Otlp,
                Wire::Otlp,
                Wire::Collector,
            ]),
            mode,
            restart,
            tracks: random.once_in(2),
            is_closed_at_first: random.once_in(4),
            calls: 20 + random.below(60),
            batch: 1 + random.below(12),
            in_flight: 1 + random.below(4),
            threads: 1 + random.below(3),
            steps,
            readings,
        }
    }

    pub(crate) fn calls_before_restart(&self) -> usize {
        if self.restart.is_some() { self.calls * 2 / 3 } else { 0 }
    }
}

fn step(random: &mut Random) -> Step {
    match random.below(14) {
        0 | 1 => Step::Healthy,
        2 | 3 => Step::Refuse(*random.pick(&STATUSES)),
        4 => Step::RefuseForNow(*random.pick(&[408, 425, 429, 503])),
        5 | 6 => Step::StoreAndFail(*random.pick(&[500, 501, 502, 504, 520])),
        7 => Step::Unproven { body: body(random), stored: random.below(5) },
        8 => Step::Broken,
        9 => Step::WithoutIds(random.below(4)),
        10 => Step::ResetBefore,
        11 => Step::ResetAfter,
        12 => Step::Late(Duration::from_millis(*random.pick(&[10, 100, 600]))),
        _ => Step::Connection(connection(random)),
    }
}

fn body(random: &mut Random) -> Body {
    *random.pick(&[Body::Empty, Body::NoContent, Body::Object, Body::Declined, Body::Html, Body::Multi])
}

fn connection(random: &mut Random) -> Fault {
    let faults = [
        Fault::ResetAtAccept,
        Fault::ResetAfter(1 + random.below(3_000)),
        Fault::LoseAnswer,
        Fault::CutAnswer(random.below(300)),
        Fault::NeverRead,
        Fault::GoStale,
    ];
    *random.pick(&faults)
}

/// Picks how a read of a trace fails. No step gives a false result: a successful read never omits a stored
/// span.
fn reading(random: &mut Random) -> Step {
    match random.below(5) {
        0 | 1 => Step::Refuse(*random.pick(&[401, 403, 429, 500, 502, 503, 504])),
        2 => Step::Broken,
        3 => Step::ResetBefore,
        _ => Step::Healthy,
    }
}
