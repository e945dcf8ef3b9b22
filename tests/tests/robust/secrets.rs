//! Secrets that must not be logged unless the user names them explicitly.

use promptlayer_tracing::promptlayer;
use serde_json::{Value, json};

use super::{captured, request_of, span_of};

const KEY: &str = "sk-live-123";

/// A typical client whose `Debug` output shows its key.
#[derive(Debug, Clone)]
struct Client {
    api_key: String,
}

impl Client {
    fn new() -> Self {
        Self { api_key: KEY.to_owned() }
    }

    #[promptlayer]
    fn method(&self, question: &str) -> usize {
        question.len() + self.api_key.len()
    }
}

#[test]
fn client_that_shows_its_key_in_debug_is_never_logged() {
    #[promptlayer]
    fn first(client: &Client, question: &str) -> usize {
        second(client.clone(), question) + client.api_key.len()
    }
    #[promptlayer(kind = "tool", fields(question))]
    fn second(client: Client, question: &str) -> usize {
        third(&mut Some(client), Ok(Client::new()), question)
    }
    #[promptlayer]
    fn third(client: &mut Option<Client>, other: Result<Client, ()>, question: &str) -> usize {
        drop((client.take(), other));
        question.len()
    }
    #[promptlayer]
    fn fails(client: &Client, question: &str) -> Result<usize, String> {
        let _ = client;
        Err(format!("{question} has no answer"))
    }
    let captured = captured(|| {
        let client = Client::new();
        assert_eq!(first(&client, "why?"), 4 + KEY.len());
        assert_eq!(client.method("why?"), 4 + KEY.len());
        assert!(fails(&client, "why?").is_err());
    });
    assert_eq!(captured.spans().len(), 5);
    let said = format!("{captured:?} {:?} {:?}", captured.spans(), captured.requests());
    assert!(said.contains("why?"));
    assert!(!said.contains("sk-live"), "{said}");
    for request in captured.requests() {
        assert!(!serde_json::to_string(&request).unwrap().contains("sk-live"));
    }
}

#[test]
fn secret_argument_is_redacted_in_span_and_request() {
    #[promptlayer(kind = "tool")]
    fn tool(api_key: &str, password: String, auth_token: &str, client_secret: Option<&str>, city: &str) {
        let _ = (api_key, password, auth_token, client_secret, city);
    }
    #[promptlayer]
    fn request(api_key: &str, password: String, auth_token: &str, client_secret: Option<&str>, city: &str) {
        let _ = (api_key, password, auth_token, client_secret, city);
    }
    let secret = || KEY.to_owned();
    let span = span_of(|| tool(KEY, secret(), KEY, Some(KEY), "Bern"));
    let redacted = json!({
        "api_key": "[redacted]",
        "password": "[redacted]",
        "auth_token": "[redacted]",
        "client_secret": "[redacted]",
        "city": "Bern",
    });
    let input: Value = serde_json::from_str(span.function_input.as_deref().unwrap()).unwrap();
    assert_eq!(input, redacted);
    assert!(!format!("{span:?}").contains(KEY));

    let request = request_of(|| request(KEY, secret(), KEY, Some(KEY), "Bern"));
    assert!(request.input.text().contains("Bern"));
    assert!(!format!("{request:?}").contains(KEY));
}

#[test]
fn secret_does_not_hide_other_arguments() {
    #[promptlayer]
    fn embed(api_key: &str, documents: &[&str]) -> usize {
        api_key.len() + documents.len()
    }
    let request = request_of(|| assert_eq!(embed(KEY, &["one", "two"]), KEY.len() + 2));
    let said = request.input.text();
    assert!(said.contains("one") && said.contains("two"), "{said}");
    assert!(!said.contains(KEY));
}

#[test]
fn token_count_is_not_a_secret() {
    #[promptlayer]
    fn ask(question: &str, max_tokens: u32) {
        let _ = (question, max_tokens);
    }
    assert_eq!(request_of(|| ask("why?", 16)).parameters["max_tokens"], 16);
}

#[test]
fn secret_named_by_input_is_logged() {
    #[promptlayer(input = api_key)]
    fn ask(api_key: &str) -> usize {
        api_key.len()
    }
    #[promptlayer(kind = "tool", input = ?client)]
    fn tool(client: &Client) -> usize {
        client.api_key.len()
    }
    assert_eq!(request_of(|| assert_eq!(ask(KEY), KEY.len())).input.text(), KEY);
    let span = span_of(|| assert_eq!(tool(&Client::new()), KEY.len()));
    assert_eq!(span.function_input.as_deref(), Some(r#"Client { api_key: "sk-live-123" }"#));
}

#[test]
fn skipped_argument_is_not_logged() {
    #[promptlayer(skip(notes))]
    fn some(question: &str, notes: &str) -> usize {
        question.len() + notes.len()
    }
    #[promptlayer(skip_all, kind = "tool")]
    fn all(question: &str, notes: &str) -> usize {
        question.len() + notes.len()
    }
    let request = request_of(|| assert_eq!(some("why?", "private"), 11));
    assert_eq!(request.input.text(), "why?");
    assert!(!format!("{request:?}").contains("private"));
    let span = span_of(|| assert_eq!(all("why?", "private"), 11));
    assert_eq!(span.function_input, None);
}
