//! Spans over OTLP, to servers on this machine.
//!
//! | module | subject |
//! |---|---|
//! | `scenes` | both wires carry the same spans, and promptlayer-local makes the same of them |
//! | `homes` | two destinations at once |
//! | `settings` | the builder and the environment |
//! | `secrets` | keys and headers are in no text |

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "otlp/homes.rs"]
mod homes;
#[path = "../../promptlayer-client/src/redact/leaks.rs"]
mod leaks;
#[path = "otlp/scenes.rs"]
mod scenes;
#[path = "otlp/secrets.rs"]
mod secrets;
#[path = "otlp/settings.rs"]
mod settings;

use std::time::Duration;

use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::{BatchLimits, Otlp, Stats};
use promptlayer_tracing::{LayerBuilder, promptlayer};
use tests::pipeline::{assert_balanced, dispatch, quick};
use tracing::dispatcher;

const LONG: Duration = Duration::from_secs(60);

#[promptlayer(tags = ["otlp"], metadata(customer = 17))]
fn ask(number: usize) -> usize {
    number
}

fn ask_times(count: usize) {
    for number in 0..count {
        assert_eq!(ask(number), number);
    }
}

/// Returns a builder without a destination that ignores the environment of the process.
fn builder() -> LayerBuilder {
    let limits = BatchLimits::default().spans(10).interval(Duration::from_secs(600));
    promptlayer_tracing::layer().env(Env::empty()).batch(limits).retry(quick()).on_error(|_| {})
}

/// Returns the settings of a collector at `url`.
fn collector(url: &str) -> Otlp {
    Otlp::collector().endpoint(format!("{url}/v1/traces"))
}

/// Makes calls and returns the final statistics.
fn after(builder: LayerBuilder, calls: impl FnOnce()) -> Stats {
    let (layer, guard) = builder.build().unwrap();
    dispatcher::with_default(&dispatch(layer), calls);
    let stats = guard.shutdown(LONG);
    assert_balanced(&stats.spans);
    assert_eq!(stats.spans.total_pending(), 0, "{stats:#?}");
    stats
}
