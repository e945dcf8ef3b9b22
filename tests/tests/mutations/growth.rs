//! Long exchanges: what is eight times as long takes eight times the time to log, and not sixty-four times.
//!
//! One long call is held against as many short ones as are as long together. Both take as long then, so
//! that a busy machine lengthens both alike.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::fixtures::Given;

use crate::exchanges::{self, Exchange};
use crate::logging;

/// So many times as long is the longer of the two that are compared.
const LONGER: usize = 8;
/// So many times the time of the short calls may the long one take. Square work takes `LONGER` times theirs.
const MOST: u32 = 3;
/// So many events has the shorter stream, and so many items each list of the shorter request and reply.
const SHORT: usize = 100;
/// So often are both measured before the shortest times are believed; see [`crate::work`].
const TRIES: usize = 20;

/// One of each kind: a longer one of the same kind is no other case.
fn kinds() -> Vec<Exchange> {
    let kind = |exchange: Exchange| {
        // A fixture's name begins with its interface and the form of its answer.
        let parts: Vec<&str> = exchange.name.splitn(3, '-').take(2).collect();
        (format!("{parts:?}{}", matches!(exchange.given, Given::Events(_))), exchange)
    };
    exchanges::all().into_iter().map(kind).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// The same exchange with lists of this length.
fn lengthened(exchange: &Exchange, length: usize) -> Exchange {
    let given = match &exchange.given {
        Given::Whole(reply) => Given::Whole(long(reply, length)),
        Given::Events(events) => Given::Events(events.iter().cycle().take(length).cloned().collect()),
        other => other.clone(),
    };
    Exchange { request: long(&exchange.request, length), given, ..exchange.clone() }
}

/// A value whose outermost lists have this length.
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
fn the_work_grows_as_the_exchange_does() {
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
