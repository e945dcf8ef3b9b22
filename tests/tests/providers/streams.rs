//! What is logged of the events of a stream, held against what is logged of the whole reply.

use std::collections::BTreeMap;

use promptlayer_tracing::blueprint::{LogRequest, Message, Prompt};
use serde_json::{Value, json};
use tests::fixtures::Given;

use crate::said::{self, difference, short};
use crate::{each, same, whole};

/// What a log says that does not depend on when it was made.
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

/// What the vendor's SDK loses of a stream when it sums it up, by exchange and field of the log: it takes
/// the first event's id although that is empty, and has no place for the marks of those that only speak
/// its interface, or for a tier that the last event is the first to name.
const LOST_BY_THE_SDK: [(&str, &str); 4] = [
    ("chat-stream-idx1-think-tool-1b89b7", "metadata"),
    ("chat-stream-idx1-think-tool-1b89b7", "provider"),
    ("chat-stream-plain-b9e654", "provider"),
    ("chat-stream-tool-toolres-38d599", "metadata"),
];

/// Says where two logs differ, field by field.
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

/// Two texts from where they part, as far as a failure is to show them.
fn apart(one: &str, other: &str) -> (String, String) {
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count().saturating_sub(40);
    let from = |text: &str| short(&text.chars().skip(common).collect::<String>());
    (from(one), from(other))
}

#[test]
fn the_events_of_a_stream_say_what_the_vendors_own_sum_says() {
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
            // As many as are known, so that the list says no more than is so.
            let known =
                differences.iter().filter(|line| lost.iter().any(|field| line.starts_with(field))).count();
            same(wrong, "fields that the SDK loses", &lost.len(), &known);
            differences.retain(|line| !lost.iter().any(|field| line.starts_with(field)));
            wrong.append(&mut differences);
        }
    });
}

#[test]
fn the_events_of_a_stream_say_what_their_plain_sum_says() {
    each(|fixture, wrong| {
        if fixture.events().is_none() || fixture.accumulated().is_some() {
            return;
        }
        let (expected, given) = (fixture.log_with(Given::Whole(whole(fixture))), fixture.log());
        let (mut whole, mut sum) = (expected.clone(), given.clone());
        // A plain sum has more blocks for the same texts.
        wrong.extend(difference(&said::of_prompt(&expected.output), &said::of_prompt(&given.output)));
        (whole.output, sum.output) = (Prompt::assistant(""), Prompt::assistant(""));
        same_log(wrong, &whole, &sum);
    });
}

#[test]
fn a_stream_that_is_cut_short_gives_what_came() {
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
