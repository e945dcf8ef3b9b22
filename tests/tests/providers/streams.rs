//! Compares the log of a stream's events with the log of the complete response.

use std::collections::BTreeMap;

use promptlayer_tracing::blueprint::{LogRequest, Message, Prompt};
use serde_json::{Value, json};
use tests::fixtures::Given;

use crate::said::{self, difference, short};
use crate::{each, same, whole};

/// Returns the fields of a log that do not depend on the time or the place of the call.
fn essence(log: &LogRequest) -> BTreeMap<String, Value> {
    let Value::Object(mut all) = serde_json::to_value(log).unwrap() else {
        panic!("a log that is no object")
    };
    for of_the_call in ["request_start_time", "request_end_time", "function_name"] {
        all.remove(of_the_call);
    }
    if let Some(metadata) = all.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("time_to_first_chunk_ms");
    }
    if all.get("metadata").is_some_and(|metadata| metadata == &json!({})) {
        all.remove("metadata");
    }
    all.into_iter().collect()
}

/// What the provider's SDK loses when it sums up a stream, by exchange and field of the log. The SDK keeps the
/// id of the first event even if it is empty. It drops the markers of providers that only reuse its wire
/// format, and a service tier that first appears in the last event.
const LOST_BY_THE_SDK: [(&str, &str); 5] = [
    ("chat-stream-marker", "provider"),
    ("chat-stream-idx1-think-tool-1b89b7", "metadata"),
    ("chat-stream-idx1-think-tool-1b89b7", "provider"),
    ("chat-stream-plain-b9e654", "provider"),
    ("chat-stream-tool-toolres-38d599", "metadata"),
];

/// Records the fields in which two logs differ.
pub(crate) fn same_log(wrong: &mut Vec<String>, expected: &LogRequest, given: &LogRequest) {
    let (expected, given) = (essence(expected), essence(given));
    for field in expected.keys().chain(given.keys().filter(|key| !expected.contains_key(*key))) {
        let (expected, given) = (expected.get(field), given.get(field));
        if expected != given {
            let shown =
                |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
            let (expected, given) = apart(&shown(expected), &shown(given));
            wrong.push(format!("{field}: the whole gives …{expected}, the events give …{given}"));
        }
    }
}

/// Returns two texts from shortly before their first difference, shortened for a failure message.
fn apart(one: &str, other: &str) -> (String, String) {
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count().saturating_sub(40);
    let from = |text: &str| short(&text.chars().skip(common).collect::<String>());
    (from(one), from(other))
}

#[test]
fn stream_log_matches_the_sum_of_the_provider_sdk() {
    each(|fixture, wrong| {
        if fixture.accumulated().is_some() {
            let expected = fixture.log_with(Given::Whole(whole(fixture)));
            let mut differences = Vec::new();
            same_log(&mut differences, &expected, &fixture.log());
            let lost: Vec<&str> = LOST_BY_THE_SDK
                .iter()
                .filter(|(name, _)| *name == fixture.name)
                .map(|(_, field)| *field)
                .collect();
            // Every listed field must differ, so that the list contains no outdated entry.
            let known =
                differences.iter().filter(|line| lost.iter().any(|field| line.starts_with(field))).count();
            same(wrong, "fields that the SDK loses", &lost.len(), &known);
            differences.retain(|line| !lost.iter().any(|field| line.starts_with(field)));
            wrong.append(&mut differences);
        }
    });
}

#[test]
fn stream_log_matches_the_plain_sum() {
    each(|fixture, wrong| {
        if fixture.events().is_none() || fixture.accumulated().is_some() {
            return;
        }
        let (expected, given) = (fixture.log_with(Given::Whole(whole(fixture))), fixture.log());
        let (mut whole, mut sum) = (expected.clone(), given.clone());
        // A plain sum has more blocks for the same text.
        wrong.extend(difference(&said::of_prompt(&expected.output), &said::of_prompt(&given.output)));
        (whole.output, sum.output) = (Prompt::assistant(""), Prompt::assistant(""));
        same_log(wrong, &whole, &sum);
    });
}

#[test]
fn cut_stream_gives_partial_output() {
    each(|fixture, wrong| {
        let Some(events) = fixture.events() else { return };
        let all = format!("{:?}", said::of_prompt(&fixture.log().output));
        for end in [0, 1, events.len() / 2, events.len() - 1] {
            let log = fixture.log_with(Given::Events(events[..end].to_vec()));
            for text in log.output.messages().iter().map(Message::text) {
                if !all.contains(format!("{text:?}").trim_matches('"')) {
                    wrong.push(format!("after {end} events: {}", short(&text)));
                }
            }
        }
    });
}
