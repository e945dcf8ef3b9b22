//! Compares the request logs of provider exchanges with the exchanges themselves.
//!
//! Each exchange is replayed through an annotated function. The tests read the expected values from the
//! provider's own JSON and from the request path. The library sees only the two bodies. The exchanges of
//! [`table`] are other ones: one conversation with every provider, for each cell of `docs/providers.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "providers/failures.rs"]
mod failures;
#[path = "providers/interface.rs"]
mod interface;
#[path = "providers/lost.rs"]
mod lost;
#[path = "providers/names.rs"]
mod names;
#[path = "providers/raw.rs"]
mod raw;
#[path = "providers/said.rs"]
mod said;
#[path = "providers/splits.rs"]
mod splits;
#[path = "providers/streams.rs"]
mod streams;
#[path = "providers/sums.rs"]
mod sums;
#[path = "providers/table.rs"]
mod table;

use promptlayer_tracing::blueprint::{LogRequest, Prompt, RequestStatus, Tool};
use serde_json::{Value, json};
use tests::fixtures::Given;
use tests::{Contract, Fixture};

use crate::interface::{Interface, by_model, vendor};
use crate::raw::{Expected, Offered};
use crate::said::{difference, short};

/// Runs a check on each exchange and fails with all problems of all exchanges.
fn each(check: impl Fn(&Fixture, &mut Vec<String>)) {
    let mut wrong = Vec::new();
    let fixtures = Fixture::all();
    for fixture in &fixtures {
        let mut found = Vec::new();
        check(fixture, &mut found);
        wrong.extend(found.into_iter().map(|found| format!("{}: {found}", fixture.name)));
    }
    assert!(
        wrong.is_empty(),
        "{} things of {} exchanges:\n{}",
        wrong.len(),
        fixtures.len(),
        wrong.join("\n")
    );
}

/// Records a problem if two values differ.
fn same<T: PartialEq + std::fmt::Debug>(wrong: &mut Vec<String>, what: &str, expected: &T, given: &T) {
    if expected != given {
        let (expected, given) = (short(&format!("{expected:?}")), short(&format!("{given:?}")));
        wrong.push(format!("{what}: expected {expected}, got {given}"));
    }
}

/// Returns the complete response: as received, as summed up by the provider's SDK, or as summed up by [`sums`].
///
/// The SDK's sum of one stream is empty: the last event of that stream repeats no items, and the SDK takes this
/// event for the complete response. The items are those of the earlier `response.output_item.done` events.
fn whole(fixture: &Fixture) -> Value {
    if let Some(whole) = fixture.response() {
        return whole.clone();
    }
    let events = fixture.events().unwrap();
    let Some(sum) = fixture.accumulated() else {
        return sums::sum(Interface::of(fixture), events);
    };
    let mut sum = sum.clone();
    if Interface::of(fixture) == Interface::Responses && sum["output"] == json!([]) {
        let items = events.iter().filter(|event| event["type"] == "response.output_item.done");
        sum["output"] = items.map(|event| event["item"].clone()).collect();
    }
    sum
}

fn failed(fixture: &Fixture) -> bool {
    fixture.status >= 400
}

#[test]
fn each_exchange_has_its_api_type_and_provider() {
    each(|fixture, wrong| {
        let (log, interface) = (fixture.log(), Interface::of(fixture));
        same(wrong, "api_type", &interface.api_type(), &log.api_type.as_deref());
        same(wrong, "provider", &vendor(fixture), &&*log.provider);
    });
}

#[test]
fn request_alone_identifies_the_wire_format() {
    each(|fixture, wrong| {
        let log = fixture.log_with(Given::Whole(Value::Null));
        same(wrong, "api_type", &Interface::of(fixture).api_type(), &log.api_type.as_deref());
        // Providers that only reuse another provider's wire format are mostly identified by markers in their
        // responses.
        let (family, vendor) = (Interface::of(fixture).family(), vendor(fixture));
        let family = if family == "openai" { by_model(fixture) } else { family };
        if log.provider != family && log.provider != vendor {
            wrong.push(format!("provider: expected {family} or {vendor}, got {}", log.provider));
        }
    });
}

#[test]
fn response_alone_identifies_the_wire_format() {
    each(|fixture, wrong| {
        if failed(fixture) {
            return;
        }
        let interface = Interface::of(fixture);
        let answers = [
            fixture.response().cloned().map(Given::Whole),
            fixture.events().map(|events| Given::Events(events.to_vec())),
        ];
        for answer in answers.into_iter().flatten() {
            let log = tests::fixtures::replay(None, &Value::Null, answer);
            same(wrong, "api_type", &interface.api_type(), &log.api_type.as_deref());
        }
    });
}

#[test]
fn each_log_follows_the_api_documents() {
    let contract = Contract::load();
    each(|fixture, wrong| {
        let check = |log: &LogRequest| {
            contract.check_request("POST", "/log-request", &serde_json::to_value(log).unwrap())
        };
        wrong.extend(check(&fixture.log()).iter().map(|violation| short(&format!("{violation:?}"))));
        if fixture.accumulated().is_some() {
            let log = fixture.log_with(Given::Whole(whole(fixture)));
            wrong.extend(check(&log).iter().map(|violation| short(&format!("accumulated: {violation:?}"))));
        }
    });
}

#[test]
fn model_matches_the_exchange() {
    each(|fixture, wrong| {
        let asked = fixture.request["model"].as_str().or(fixture.model_in_path());
        same(wrong, "model", &asked.unwrap_or("unknown"), &fixture.log().model.as_str());

        // If the model is part of the URL and no argument names it, the response may name it.
        if fixture.model_in_path().is_some() && !failed(fixture) {
            let log = tests::fixtures::replay(None, &fixture.request, Given::Whole(whole(fixture)));
            let served = whole(fixture)["modelVersion"].as_str().unwrap_or("unknown").to_owned();
            same(wrong, "model of the reply", &served, &log.model);
        }
    });
}

#[test]
fn tokens_and_price_match_the_exchange() {
    each(|fixture, wrong| {
        let (log, expected) = (fixture.log(), expected(fixture));
        same(wrong, "input_tokens", &expected.input, &log.input_tokens);
        same(wrong, "output_tokens", &expected.output, &log.output_tokens);
        same(wrong, "price", &expected.price, &log.price);
        let counts = [
            ("cached_tokens", expected.cached),
            ("cache_creation_tokens", expected.cache_creation),
            ("reasoning_tokens", expected.reasoning),
        ];
        for (key, count) in counts {
            let expected = (count > 0).then(|| count.to_string());
            same(wrong, key, &expected.as_ref(), &log.metadata.get(key));
        }
    });
}

fn expected(fixture: &Fixture) -> Expected {
    raw::reply(Interface::of(fixture), &whole(fixture))
}

/// Returns the finish reason as the log names it for all providers.
fn normalized(word: &str) -> &'static str {
    match word {
        "stop" | "STOP" | "end_turn" | "stop_sequence" | "COMPLETE" | "completed" => "stop",
        "length" | "max_tokens" | "max_output_tokens" | "MAX_TOKENS" | "incomplete" => "length",
        "tool_calls" | "tool_use" | "TOOL_CALL" => "tool_calls",
        "refusal" => "refusal",
        other => panic!("a word that no exchange had yet: {other}"),
    }
}

#[test]
fn finish_reason_matches_the_exchange() {
    each(|fixture, wrong| {
        let (log, expected) = (fixture.log(), expected(fixture));
        // These APIs have no word for tool calls. They report the same one as for any other response.
        let has_no_word = matches!(
            Interface::of(fixture),
            Interface::Responses | Interface::GenerateContent | Interface::OllamaChat
        );
        let calls = expected.said.iter().any(|said| matches!(said, said::Said::Call { .. }));
        let reason = expected.word.as_deref().map(|word| match normalized(word) {
            _ if expected.refused => "refusal",
            "stop" if has_no_word && calls => "tool_calls",
            reason => reason,
        });
        let given = |key: &str| log.metadata.get(key).map(String::as_str);
        same(wrong, "finish_reason", &reason, &given("finish_reason"));
        let own = expected.word.as_deref().filter(|word| Some(*word) != reason);
        same(wrong, "provider_finish_reason", &own, &given("provider_finish_reason"));
        if !failed(fixture) {
            let status = match reason {
                Some("refusal" | "length") => RequestStatus::Warning,
                _ => RequestStatus::Success,
            };
            same(wrong, "status", &status, &log.status);
        }
    });
}

#[test]
fn request_content_is_complete() {
    each(|fixture, wrong| {
        let (log, interface) = (fixture.log(), Interface::of(fixture));
        let expected = raw::request(interface, &fixture.request);
        wrong.extend(difference(&expected, &said::of_prompt(&log.input)));
    });
}

#[test]
fn response_content_is_complete() {
    each(|fixture, wrong| {
        let interface = Interface::of(fixture);
        if failed(fixture)
            || matches!(interface, Interface::Embeddings | Interface::CohereEmbed | Interface::Other)
        {
            return;
        }
        let given = said::of_prompt(&fixture.log().output);
        wrong.extend(difference(&expected(fixture).said, &given));
    });
}

#[test]
fn response_with_only_tool_calls_has_no_content() {
    each(|fixture, wrong| {
        let Prompt::Chat(output) = fixture.log().output else { return };
        for message in &output.messages {
            let empty = message.content().iter().filter(|block| block.text() == Some("")).count();
            if empty > 0 {
                wrong.push(format!("{empty} blocks with an empty text: {}", short(&format!("{message:?}"))));
            }
        }
    });
}

#[test]
fn each_choice_is_a_separate_message_or_block() {
    each(|fixture, wrong| {
        let whole = whole(fixture);
        let choices = whole["choices"].as_array().map_or(0, Vec::len);
        if choices > 0 {
            let logged = match fixture.log().output {
                Prompt::Completion(completion) => completion.content.len(),
                output => output.messages().len(),
            };
            same(wrong, "choices", &choices, &logged);
        }
    });
}

#[test]
fn no_text_is_lost() {
    each(|fixture, wrong| {
        let (log, interface) = (fixture.log(), Interface::of(fixture));
        let logged = serde_json::to_value(&log).unwrap();
        wrong.extend(lost::of_request(&fixture.request, &logged));
        if failed(fixture) {
            return;
        }
        let whole = whole(fixture);
        for content in raw::content(interface, &whole) {
            wrong.extend(lost::of_reply(content, &logged));
        }
    });
}

#[test]
fn tools_and_tool_choice_are_complete() {
    each(|fixture, wrong| {
        let (log, interface) = (fixture.log(), Interface::of(fixture));
        let Prompt::Chat(input) = &log.input else { return };
        let given: Vec<Offered> = input.tools.iter().filter_map(offered).collect();
        same(wrong, "tools", &raw::tools(interface, &fixture.request), &given);

        let Some(choice) = raw::tool_choice(interface, &fixture.request) else { return };
        // The log writes the known choices in its own form and in lower case.
        let logged = json!([input.tool_choice, log.parameters]).to_string().to_lowercase();
        let is_there = input.tool_choice.is_some() || log.parameters.values().any(|value| value == choice);
        let named = choice.as_str().or(choice["name"].as_str()).or(choice["tool"]["name"].as_str());
        if !is_there || named.is_some_and(|name| !logged.contains(&name.to_lowercase())) {
            wrong.push(format!("tool_choice: {choice} became {logged}"));
        }
    });
}

fn offered(tool: &Tool) -> Option<Offered> {
    let Tool::Function(tool) = tool else { return None };
    Some(Offered {
        name: tool.function.name.clone(),
        description: tool.function.description.clone(),
        parameters: tool.function.parameters.clone().map(Value::Object),
    })
}

#[test]
fn parameters_are_complete_and_unchanged() {
    each(|fixture, wrong| {
        let log = fixture.log();
        for (name, value) in raw::parameters(Interface::of(fixture), &fixture.request) {
            same(wrong, &format!("parameter {name}"), &Some(&value), &log.parameters.get(&name));
        }
    });
}

#[test]
fn provider_error_is_logged_as_error_with_its_request() {
    each(|fixture, wrong| {
        if !failed(fixture) {
            return;
        }
        let (log, response) = (fixture.log(), fixture.response().unwrap());
        let message =
            response.pointer("/error/message").or(response.get("message")).unwrap().as_str().unwrap();
        // Some APIs return an error as plain text. Only the HTTP status distinguishes it from a normal
        // response, and the annotated function does not return the status.
        let told = log.error_message().is_some_and(|error| error.contains(message));
        if response.get("error").is_some() {
            same(wrong, "status", &RequestStatus::Error, &log.status);
            same(wrong, "the message is told", &true, &told);
        } else if !told && !log.output.text().contains(message) {
            wrong.push(format!("the error is lost: {message}"));
        }
    });
}
