//! No secret value in `Debug` output is logged.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::capture::debug_value::value;
use crate::capture::secret_text::without_secrets;

#[test]
fn secret_is_replaced_in_fields_maps_pairs_and_headers() {
    let cases = [
        (r#"A { api_key: "s3cret", b: 1 }"#, json!({"api_key": "[redacted]", "b": 1})),
        (r#"A { api_key: Some(Key { inner: "s3cret" }) }"#, json!({"api_key": "[redacted]"})),
        ("A { api_key: None, is_token: true }", json!({"api_key": null, "is_token": true})),
        (
            r#"A { settings: {"api_key": "s3cret", "city": "Bern"} }"#,
            json!({"settings": {"api_key": "[redacted]", "city": "Bern"}}),
        ),
        (r#"A { auth: ApiKey("s3cret") }"#, json!({"auth": "[redacted]"})),
        (r#"A { auth: Auth { key: "s3cret" } }"#, json!({"auth": {"key": "[redacted]"}})),
        (r#"A { key: "sk-s3cret" }"#, json!({"key": "[redacted]"})),
        (r#"A { key: "Bern", max_tokens: 5 }"#, json!({"key": "Bern", "max_tokens": 5})),
        (
            r#"{"Authorization": "Bearer s3cret", "x-api-key": "s3cret"}"#,
            json!({"Authorization": "[redacted]", "x-api-key": "[redacted]"}),
        ),
        (
            r#"[("set-cookie", "s3cret"), ("x-mine", "a")]"#,
            json!([["set-cookie", "[redacted]"], ["x-mine", "a"]]),
        ),
        (
            r#"A { headers: {"x-mine": "s3cret"}, status: 200 }"#,
            json!({"headers": "[redacted]", "status": 200}),
        ),
        (r#"A { headers: [("x-mine", "s3cret")] }"#, json!({"headers": [["x-mine", "[redacted]"]]})),
        (r#"A { headers: HeaderMap { inner: {"x-mine": "s3cret"} } }"#, json!({"headers": "[redacted]"})),
        (r#"A { headers: {}, columns: ["headers"] }"#, json!({"headers": {}, "columns": ["headers"]})),
        (
            r#"A { table: Table { headers: ["Name", "Age"] } }"#,
            json!({"table": {"headers": ["Name", "Age"]}}),
        ),
        (r#"Object {"password": String("s3cret")}"#, json!({"password": "[redacted]"})),
        (
            r#"A { passwords: ["s3cret"], pin: 1, pwd: 1234 }"#,
            json!({"passwords": "[redacted]", "pin": 1, "pwd": "[redacted]"}),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text, ""), expected, "{text}");
    }
}

#[test]
fn piece_of_a_streamed_text_is_not_a_secret() {
    for (text, expected) in [
        (r#"Token("Hel")"#, json!({"Token": "Hel"})),
        (r#"NewToken("Hel")"#, json!({"NewToken": "Hel"})),
        (r#"Token("sk-s3cret")"#, json!("[redacted]")),
        (r#"AccessToken("abc")"#, json!("[redacted]")),
    ] {
        assert_eq!(value(text, "my::Event"), expected, "{text}");
    }
}

#[test]
fn schema_of_a_secret_is_kept() {
    let text = r#"A { properties: {"api_key": Schema { kind: "string" }, "password": {"type": "string"}} }"#;
    assert_eq!(
        value(text, ""),
        json!({"properties": {"api_key": {"kind": "string"}, "password": {"type": "string"}}})
    );
}

/// Names that mark secrets, as a field of a struct can have them.
const FIELDS: &[&str] = &[
    "api_key",
    "password",
    "secret",
    "client_secret",
    "access_token",
    "authorization",
    "openai_api_key",
    "cookie",
    "credentials",
    "jwt",
    "private_key",
];

/// Names that mark secrets, as a key of a map or a header can have them.
const KEYS: &[&str] = &[
    "api_key",
    "apiKey",
    "Authorization",
    "x-api-key",
    "set-cookie",
    "X-Auth-Token",
    "client-secret",
    "passwd",
];

/// A value, written by `Debug`, in which every text that starts with `s3cret` is a secret.
fn with_secrets() -> impl Strategy<Value = String> {
    let text = "[a-zé,:(){}\\[\\]\" =]{0,6}".prop_map(|text| format!("{text:?}"));
    let secret = "[a-z,:(){}\\[\\]\" ]{0,6}".prop_map(|rest| format!("{:?}", format!("s3cret{rest}")));
    let secret = prop_oneof![
        secret.clone(),
        secret.clone().prop_map(|secret| format!("Some({secret})")),
        secret.clone().prop_map(|secret| format!("Wrapped {{ inner: {secret}, other: 1 }}")),
        prop::collection::vec(secret, 1..3).prop_map(|secrets| format!("[{}]", secrets.join(", "))),
    ];
    let field = prop::sample::select(FIELDS);
    let key = prop::sample::select(KEYS);
    let hidden = prop_oneof![
        (field, secret.clone())
            .prop_map(|(name, secret)| format!("Settings {{ size: 1, {name}: {secret} }}")),
        (key.clone(), secret.clone())
            .prop_map(|(key, secret)| format!("{{\"a\": 1, {key:?}: {secret}, \"b\": 2}}")),
        (key, secret.clone()).prop_map(|(key, secret)| format!("[({key:?}, {secret})]")),
        secret.clone().prop_map(|secret| format!("ApiKey({secret})")),
        secret.prop_map(|secret| format!("Reply {{ headers: {{\"x\": {secret}}} }}")),
    ];
    let leaf = prop_oneof![text, any::<f32>().prop_map(|number| format!("{number:?}")), hidden];
    leaf.prop_recursive(5, 48, 4, |inner| {
        let items = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            items.prop_map(|items| format!("[{}]", items.join(", "))),
            ("[A-Z][a-z]{0,4}", inner.clone()).prop_map(|(name, inner)| format!("{name}({inner})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("Pair {{ first: {a}, second: {b} }}")),
            ("[a-z]{1,4}", inner).prop_map(|(key, inner)| format!("{{{key:?}: {inner}}}")),
        ]
    })
}

proptest! {
    #[test]
    fn no_secret_survives(text in with_secrets()) {
        let read = value(&text, "my::Type");
        prop_assert!(!matches!(&read, Value::String(read) if *read == text), "not parsed: {text}");
        prop_assert!(!read.to_string().contains("s3cret"), "{text}\n{read}");
    }

    #[test]
    fn no_secret_of_a_field_or_a_map_survives_in_text(text in with_secrets()) {
        // The names of newtypes and the values of harmless headers count only in parsed output.
        prop_assume!(!text.contains("ApiKey(") && !text.contains("headers:"));
        let shown = without_secrets(format!("failed, {text} and more"));
        prop_assert!(!shown.contains("s3cret"), "{text}\n{shown}");
    }
}
