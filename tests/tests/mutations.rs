//! Mutated exchanges must not cause a panic or endless work, and their logs must be valid.
//!
//! The tests mutate exchanges with every provider in twenty thousand ways. They drop, null, rename and move fields, swap types, cut texts, and reorder and
//! repeat lists. They nest values deeply, drop, duplicate and shuffle events, and use huge indexes. A seed
//! determines the mutations. A failure prints the seed.
//!
//! - `MUTATIONS` is the total number of mutations of all tests. Defaults to 20 000.
//! - `MUTATIONS_SEED` is the seed.
//! - `PROPTEST_CASES` is the number of generated values, as opposed to mutated ones.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "mutations/broken.rs"]
mod broken;
#[path = "mutations/exchanges.rs"]
mod exchanges;
#[path = "mutations/growth.rs"]
mod growth;
#[path = "mutations/made_up.rs"]
mod made_up;
#[path = "mutations/work.rs"]
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};

use promptlayer_tracing::blueprint::LogRequest;
use promptlayer_tracing::in_memory::InMemory;
use promptlayer_tracing::layer;
use serde::de::IgnoredAny;
use serde_json::Value;
use tests::Contract;
use tests::fixtures::{Given, call};
use tests::random::{Random, number_from_env};
use tracing_subscriber::prelude::*;

use crate::exchanges::Exchange;
use crate::work::Work;

/// The number of tests that share the mutations, so that they can run in parallel.
const SHARES: u64 = 4;
/// One in this many logs is checked against the API document. The check takes longer than the creation of the
/// log.
const CHECKED: u64 = 100;

/// Runs `run` under a layer that captures the logs.
fn logging<T>(run: impl FnOnce(&InMemory) -> T) -> T {
    let (layer, logged) = layer().in_memory().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || run(&logged))
}

/// Makes a call and returns its only log.
fn log(logged: &InMemory, model: Option<&str>, request: &Value, given: Given) -> LogRequest {
    call(model, request, given);
    let requests: Vec<LogRequest> = logged.take().into_iter().filter_map(|span| span.request).collect();
    let Ok([log]) = <[LogRequest; 1]>::try_from(requests) else { panic!("a call is one request") };
    log
}

/// Mutates exchanges, logs them, and checks the time that it takes. Each share has a seed of its own.
fn break_exchanges(share: u64) {
    let seed = number_from_env("MUTATIONS_SEED", 0x5eed) + share;
    let times = number_from_env("MUTATIONS", 20_000) / SHARES;
    let (exchanges, contract) = (exchanges::all(), Contract::load());
    let (mut random, mut work) = (Random::new(seed), Work::default());
    logging(|logged| {
        for time in 0..times {
            let mut broken = random.pick(&exchanges).clone();
            broken.break_by(&mut random);
            let logged_so = catch_unwind(AssertUnwindSafe(|| {
                let log = work.of(&broken, || broken.log(logged));
                let text = serde_json::to_string(&log).unwrap();
                serde_json::from_str::<IgnoredAny>(&text).expect("it is JSON");
                if time % CHECKED == 0 {
                    let value = serde_json::from_str(&text).unwrap();
                    let violations = contract.check_request("POST", "/log-request", &value);
                    assert!(violations.is_empty(), "{violations:#?}");
                }
            }));
            assert!(logged_so.is_ok(), "seed {seed}, mutation {time}, of {}:\n{broken:?}", broken.name);
        }
    });
    work.assert_bounded(seed);
}

impl Exchange {
    fn log(&self, logged: &InMemory) -> LogRequest {
        log(logged, self.model.as_deref(), &self.request, self.given.clone())
    }
}

#[test]
fn first_share_of_mutated_exchanges_is_logged() {
    break_exchanges(0);
}

#[test]
fn second_share_of_mutated_exchanges_is_logged() {
    break_exchanges(1);
}

#[test]
fn third_share_of_mutated_exchanges_is_logged() {
    break_exchanges(2);
}

#[test]
fn fourth_share_of_mutated_exchanges_is_logged() {
    break_exchanges(3);
}
