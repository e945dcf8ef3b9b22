//! Long exchanges: an exchange of eight times the length takes eight times as long to log, not sixty-four
//! times.
//!
//! The test compares one long call with several short calls of the same total length. Both should take the same
//! time, so a busy machine slows down both equally.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::fixtures::Given;

use crate::exchanges::{self, Exchange};
use crate::logging;

/// The ratio of the lengths of the long and the short exchange.
const LONGER: usize = 8;
/// The maximum ratio of the time of the long call to the total time of the short calls. Quadratic work would
/// give a ratio of `LONGER`.
const MOST: u32 = 3;
/// The number of events in the short stream, and of items in each list of the short request and response.
const SHORT: usize = 100;
/// The maximum number of measurements. The shortest times count; see [`crate::work`].
const TRIES: usize = 20;

/// Returns one exchange of each kind. Longer exchanges of the same kind add no new case.
fn kinds() -> Vec<Exchange> {
    let kind = |exchange: Exchange| {
        // The name of a fixture begins with its wire format and the form of its response.
        let parts: Vec<&str> = exchange.name.splitn(3, '-').take(2).collect();
        (format!("{parts:?}{}", matches!(exchange.given, Given::Events(_))), exchange)
    };
    exchanges::all().into_iter().map(kind).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// Returns the exchange with lists of this length.
fn lengthened(exchange: &Exchange, length: usize) -> Exchange {
    let given = match &exchange.given {
        Given::Whole(reply) => Given::Whole(long(reply, length)),
        Given::Events(events) => Given::Events(events.iter().cycle().take(length).cloned().collect()),
        other => other.clone(),
    };
    Exchange { request: long(&exchange.request, length), given, ..exchange.clone() }
}

/// Returns a value whose outermost lists have this length.
fn long(value: &Value, length: usize) -> Value {
    match value {
        Value::Array(items) => items.iter().cycle().take(length).cloned().collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), long(value, length))).collect()
        }
        other => other.clone(),
    }
}

#[test]
fn logging_time_is_linear_in_the_exchange_size() {
    logging(|logged| {
        for exchange in kinds() {
            let (short, long) = (lengthened(&exchange, SHORT), lengthened(&exchange, SHORT * LONGER));
            let measured = |exchange: &Exchange, times: usize| {
                let start = Instant::now();
                (0..times).for_each(|_| drop(exchange.log(logged)));
                start.elapsed()
            };
            let (mut apart, mut at_once) = (Duration::MAX, Duration::MAX);
            let is_linear = (0..TRIES).any(|_| {
                (apart, at_once) = (apart.min(measured(&short, LONGER)), at_once.min(measured(&long, 1)));
                at_once <= apart * MOST
            });
            assert!(is_linear, "{}: {apart:?} in parts became {at_once:?}", exchange.name);
        }
    });
}
