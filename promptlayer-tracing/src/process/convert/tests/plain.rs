//! Arguments and results of functions that use no provider's wire format.

use promptlayer_blueprint::{LogRequest, Message, Prompt};
use serde_json::{Value, json};

use super::{arguments, captured, lines, log_of_input, log_of_output, said};
use crate::capture::Captured;
use crate::span::input_output::Input;

/// Returns the log of a call with one argument.
fn of(name: &'static str, value: Value) -> LogRequest {
    log_of_input(arguments([(name, value)]))
}

#[test]
fn argument_named_like_question_is_user_message() {
    for name in ["prompt", "question", "query", "text", "input", "message", "user_message", "user_prompt"] {
        assert_eq!(said(&of(name, json!("why?")).input), lines([("user", "why?")]), "{name}");
        let log = log_of_input(arguments([("city", json!("Bern")), (name, json!("why?"))]));
        assert_eq!(said(&log.input), lines([("user", "why?")]), "{name}");
    }
}

#[test]
fn argument_named_like_instruction_is_system_message() {
    for name in ["system", "system_prompt", "instructions"] {
        let log = log_of_input(arguments([("question", json!("why?")), (name, json!("be brief"))]));
        assert_eq!(said(&log.input), lines([("system", "be brief"), ("user", "why?")]), "{name}");
    }
}

#[test]
fn system_history_and_question_are_in_this_order() {
    let history = json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]);
    let log = log_of_input(arguments([
        ("question", json!("why?")),
        ("messages", history),
        ("system", json!("be brief")),
        ("prompt", json!("really?")),
    ]));
    assert_eq!(
        said(&log.input),
        lines([
            ("system", "be brief"),
            ("user", "hi"),
            ("assistant", "hello"),
            ("user", "why?"),
            ("user", "really?"),
        ])
    );
}

#[test]
fn messages_are_read_in_every_form() {
    assert_eq!(said(&of("messages", json!("why?")).input), lines([("user", "why?")]));
    assert_eq!(said(&of("messages", json!(["one", "two"])).input), lines([("user", "one"), ("user", "two")]));
    let one = json!({"role": "system", "content": "be brief"});
    assert_eq!(said(&of("messages", one.clone()).input), lines([("system", "be brief")]));
    // With the name of a text argument, and with an unknown name.
    for name in ["prompt", "input", "history"] {
        assert_eq!(said(&of(name, json!([one])).input), lines([("system", "be brief")]), "{name}");
    }
    for name in ["message", "prompt", "turn"] {
        let asked = json!({"role": "user", "content": "why?"});
        assert_eq!(said(&of(name, asked).input), lines([("user", "why?")]), "{name}");
    }
}

#[test]
fn model_and_parameters_are_detected_by_name() {
    let log = log_of_input(arguments([
        ("model", json!("llama")),
        ("question", json!("why?")),
        ("temperature", json!(0.5)),
        ("max_tokens", json!(16)),
        ("stop", json!(["."])),
        ("seed", json!(null)),
    ]));
    assert_eq!(log.model, "llama");
    assert_eq!(Value::Object(log.parameters), json!({"temperature": 0.5, "max_tokens": 16, "stop": ["."]}));
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("custom", None));
}

#[test]
fn single_argument_with_unknown_name_is_user_message() {
    assert_eq!(said(&of("city", json!("Bern")).input), lines([("user", "Bern")]));
    assert_eq!(said(&of("count", json!(7)).input), lines([("user", "7")]));
    assert!(of("nothing", json!(null)).input.messages().is_empty());
    let customer = json!({"name": "Ada", "orders": [1, 2]});
    let text = of("customer", customer.clone()).input.text();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), customer);
    assert!(text.contains("\n  "), "it is laid out to be read: {text}");
}

#[test]
fn object_with_argument_names_is_read_as_arguments() {
    let options = json!({"system": "be brief", "question": "why?", "temperature": 0.5, "model": "llama"});
    for input in [of("options", options.clone()), log_of_input(Input::Value(captured(&options)))] {
        assert_eq!(said(&input.input), lines([("system", "be brief"), ("user", "why?")]));
        assert_eq!(input.model, "llama");
        assert_eq!(input.parameters["temperature"], 0.5);
    }
}

#[test]
fn sole_text_of_unknown_arguments_is_message_else_all_are() {
    let log = log_of_input(arguments([("city", json!("Bern")), ("days", json!(3))]));
    assert_eq!(said(&log.input), lines([("user", "Bern")]));
    let log =
        log_of_input(arguments([("from", json!("hallo")), ("to", json!("fr")), ("strict", json!(true))]));
    let whole: Value = serde_json::from_str(&log.input.text()).unwrap();
    assert_eq!(whole, json!({"from": "hallo", "to": "fr", "strict": true}));
    let log = log_of_input(arguments([("system", json!("be brief")), ("city", json!("Bern"))]));
    assert_eq!(said(&log.input), lines([("system", "be brief"), ("user", "Bern")]));
}

#[test]
fn opaque_arguments_are_skipped_and_redacted_are_shown() {
    let input = Input::Arguments(vec![
        ("client", Captured::Type("reqwest::Client")),
        ("question", Captured::Text("why?".to_owned())),
    ]);
    assert_eq!(said(&log_of_input(input).input), lines([("user", "why?")]));
    let input = Input::Arguments(vec![("client", Captured::Type("reqwest::Client"))]);
    assert!(log_of_input(input).input.messages().is_empty());
    assert!(log_of_input(Input::Value(Captured::Type("Client"))).input.messages().is_empty());

    let words = || captured(&json!(["one", "two"]));
    let log = log_of_input(Input::Arguments(vec![("api_key", Captured::Redacted), ("words", words())]));
    assert_eq!(
        serde_json::from_str::<Value>(&log.input.text()).unwrap(),
        json!({"api_key": "[redacted]", "words": ["one", "two"]})
    );
}

#[test]
fn provider_request_is_found_under_any_name() {
    let request = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "why?"}], "top_p": 0.1});
    for name in ["request", "req", "body", "anything"] {
        let log = log_of_input(arguments([
            ("customer", json!({"id": 7})),
            ("question", json!("not this")),
            (name, request.clone()),
            ("top_p", json!(0.9)),
            ("temperature", json!(0.5)),
            ("seed", json!(null)),
        ]));
        assert_eq!(log.model, "gpt-4o", "{name}");
        assert_eq!(said(&log.input), lines([("user", "why?")]), "{name}");
        assert_eq!(
            Value::Object(log.parameters),
            json!({"top_p": 0.1, "temperature": 0.5}),
            "the request's own go first"
        );
    }
    let log = log_of_input(Input::Value(captured(&request)));
    assert_eq!((log.model.as_str(), log.provider.as_str()), ("gpt-4o", "openai"));

    // If there are two requests, the one with the usual name is used.
    let other = json!({"model": "other", "messages": [{"role": "user", "content": "other"}]});
    assert_eq!(log_of_input(arguments([("before", other), ("request", request)])).model, "gpt-4o");
}

#[test]
fn single_value_is_the_whole_input() {
    let texts = [Captured::Text("why?".to_owned()), captured(&json!("why?"))];
    for value in texts {
        assert_eq!(said(&log_of_input(Input::Value(value)).input), lines([("user", "why?")]));
    }
    let turns = json!([{"role": "assistant", "content": "hello"}, {"role": "user", "content": "why?"}]);
    let log = log_of_input(Input::Value(captured(&turns)));
    assert_eq!(said(&log.input), lines([("assistant", "hello"), ("user", "why?")]));
    assert!(log_of_input(Input::Value(captured(&json!(null)))).input.messages().is_empty());
}

#[test]
fn returned_value_becomes_model_message() {
    assert_eq!(log_of_output(&json!("Because.")).output, Prompt::assistant("Because."));
    assert_eq!(log_of_output(&json!(7)).output, Prompt::assistant("7"));
    assert!(log_of_output(&json!(null)).output.messages().is_empty());
    let value = json!({"label": "spam", "score": 0.5});
    let text = log_of_output(&value).output.text();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
}

#[test]
fn returned_message_is_kept() {
    let turn = json!({"role": "assistant", "content": "Because."});
    assert_eq!(said(&log_of_output(&turn).output), lines([("assistant", "Because.")]));
    let turns = json!([turn, {"role": "tool", "tool_call_id": "1", "content": "sunny"}]);
    assert_eq!(said(&log_of_output(&turns).output), lines([("assistant", "Because."), ("tool", "sunny")]));
}

#[test]
fn object_with_only_a_role_is_not_a_message() {
    let member = json!({"role": "admin", "email": "ada@example.org"});
    for value in [member.clone(), json!([member])] {
        let log = log_of_output(&value);
        assert_eq!(serde_json::from_str::<Value>(&log.output.text()).ok().as_ref(), Some(&value));
        let log = of("member", value.clone());
        assert_eq!(serde_json::from_str::<Value>(&log.input.text()).ok().as_ref(), Some(&value));
        assert_eq!(log.input.messages().iter().map(Message::role).collect::<Vec<_>>(), ["user"]);
    }
}

#[test]
fn roles_are_read_in_any_case_and_under_usual_names() {
    let messages = json!([
        {"role": "System", "content": "one"},
        {"role": "Human", "content": "two"},
        {"role": "ai", "content": "three"},
        {"role": "MODEL", "parts": ["four"]},
        {"message_type": "bot", "content": "five"},
        {"type": "HumanMessage", "text": "six"},
        {"from": "user", "value": "seven"},
        {"role": "Tool", "tool_call_id": "call_1", "content": "eight"},
        {"role": "critic", "content": "nine"},
    ]);
    let expected = lines([
        ("system", "one"),
        ("user", "two"),
        ("assistant", "three"),
        ("assistant", "four"),
        ("assistant", "five"),
        ("user", "six"),
        ("user", "seven"),
        ("tool", "eight"),
        ("user", "nine"),
    ]);
    assert_eq!(said(&of("messages", messages.clone()).input), expected);
    assert_eq!(said(&of("history", messages).input), expected);
}

#[test]
fn variants_of_an_enum_are_read_as_messages() {
    let messages = json!([
        {"System": {"content": "be brief"}},
        {"Human": "why?"},
        {"Ai": [{"Text": "Because."}]},
        {"User": {"content": {"Text": "really?"}}},
    ]);
    let expected =
        lines([("system", "be brief"), ("user", "why?"), ("assistant", "Because."), ("user", "really?")]);
    assert_eq!(said(&of("messages", messages.clone()).input), expected);
    assert_eq!(said(&of("anything", messages).input), expected);
    let log = of("request", json!({"model": "m", "messages": [{"Human": "why?"}]}));
    assert_eq!((log.model.as_str(), said(&log.input)), ("m", lines([("user", "why?")])));
    assert_eq!(said(&log_of_output(&json!([{"Ai": "Because."}])).output), lines([("assistant", "Because.")]));
    let names = json!([{"user": "ada"}, {"user": "bob"}]);
    let text = log_of_output(&names).output.text();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), names, "these are no variants");
}

#[test]
fn content_under_any_name_is_kept() {
    let log = of(
        "messages",
        json!([
            {"author": "ada", "text": "why?"},
            {"question": "why?", "lines": [1, 2]},
            {"role": "user", "request": "why?"},
            {"role": "user", "content": null, "body": "why?"},
            {"type": "ai", "text": "Because.", "tool_calls": [{"id": "1", "function": {"name": "now"}}]},
            {"role": "assistant", "id": "m-1", "name": "bot", "prefix": true},
        ]),
    );
    let texts: Vec<String> = log.input.messages().iter().map(Message::text).collect();
    assert_eq!(texts[0], "why?");
    let Message::User(user) = &log.input.messages()[0] else { panic!("{log:?}") };
    assert_eq!(user.name.as_deref(), Some("ada"));
    let rest: Value = serde_json::from_str(&texts[1]).unwrap();
    assert_eq!(rest, json!({"question": "why?", "lines": [1, 2]}));
    assert_eq!(texts[2..], ["why?", "why?", "Because.", ""]);
}
