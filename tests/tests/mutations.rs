//! What broken exchanges do: nothing. No panic, no endless work, and a log that can be sent.
//!
//! The exchanges of the `shared` folder, and where there is none those written here, are broken in a
//! hundred thousand ways: fields dropped, nulled, renamed and moved, types swapped, texts cut, lists
//! reordered and repeated, values nested a thousandfold, events lost, doubled and shuffled, indexes made
//! huge. Which ways those are follows from a seed, which is printed where one of them fails.
//!
//! - `MUTATIONS` is how many are made, all tests together; 100 000 where it is not set.
//! - `MUTATIONS_SEED` is the seed.
//! - `PROPTEST_CASES` is how many of the values are tried that are made up rather than broken.
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
use promptlayer_tracing::{InMemory, layer};
use serde::de::IgnoredAny;
use serde_json::Value;
use tests::Contract;
use tests::fixtures::{Given, call};
use tests::random::{Random, number_from_env};
use tracing_subscriber::prelude::*;

use crate::exchanges::Exchange;
use crate::work::Work;

/// As many tests share the mutations, so that they can run side by side.
const SHARES: u64 = 4;
/// One log in so many is held against the API document, which takes longer than to make it.
const CHECKED: u64 = 100;

/// Makes calls under one layer, and gives what is logged of each.
fn logging<T>(run: impl FnOnce(&InMemory) -> T) -> T {
    let (layer, logged) = layer().in_memory().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || run(&logged))
}

/// The one log of a call.
fn log(logged: &InMemory, model: Option<&str>, request: &Value, given: Given) -> LogRequest {
    call(model, request, given);
    let requests: Vec<LogRequest> = logged.take().into_iter().filter_map(|span| span.request).collect();
    let Ok([log]) = <[LogRequest; 1]>::try_from(requests) else { panic!("a call is one request") };
    log
}

/// Breaks exchanges, each share in ways of its own, and gives the work that it was to log them.
fn break_exchanges(share: u64) {
    let seed = number_from_env("MUTATIONS_SEED", 0x5eed) + share;
    let times = number_from_env("MUTATIONS", 100_000) / SHARES;
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
                if let (Some(contract), 0) = (&contract, time % CHECKED) {
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
fn the_first_share_of_broken_exchanges_is_logged() {
    break_exchanges(0);
}

#[test]
fn the_second_share_of_broken_exchanges_is_logged() {
    break_exchanges(1);
}

#[test]
fn the_third_share_of_broken_exchanges_is_logged() {
    break_exchanges(2);
}

#[test]
fn the_fourth_share_of_broken_exchanges_is_logged() {
    break_exchanges(3);
}
