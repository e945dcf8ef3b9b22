//! Agents of rig whose client has the middleware: rig makes a span for each call, and the call one log.

use ::rig::client::AgentClientExt as _;
use ::rig::completion::Prompt as _;
use ::rig::providers::openai::CompletionsClient;
use examples::OfflineModel;
use examples::offline_model::UNKNOWN_MODEL;
use promptlayer_tracing::blueprint::{ErrorType, RequestStatus};
use promptlayer_tracing::in_memory::CapturedSpan;
use promptlayer_tracing::middleware::PromptLayerMiddleware;
use promptlayer_tracing::promptlayer;

use super::{client_with, run};

/// Asks an agent and returns the span of its call, and that of the function around it.
fn spans_of(model: &'static str) -> [CapturedSpan; 2] {
    #[promptlayer(kind = "agent", tags = ["rig"])]
    async fn ask(url: &str, model: &str) -> Result<String, String> {
        let host = url.trim_start_matches("http://").split('/').next().unwrap();
        let client = CompletionsClient::builder()
            .api_key("sk-secret")
            .base_url(url)
            .http_client(client_with(PromptLayerMiddleware::new().host(host, "openai")))
            .build()
            .unwrap();
        let agent = client.agent(model).name("forecaster").preamble("Be brief.").build();
        agent.prompt("Why?").await.map_err(|error| error.to_string())
    }
    let captured = run(async || {
        let offline = OfflineModel::start().unwrap();
        let _ = ask(offline.url(), model).await;
    });
    let mut spans = captured.spans();
    assert!(!format!("{spans:?}").contains("sk-secret"));
    spans.retain(|span| span.name != "invoke_agent");
    <[_; 2]>::try_from(spans).unwrap()
}

#[test]
fn rig_call_with_the_middleware_makes_one_whole_log() {
    let [call, ask] = spans_of("gpt-4o-mini");
    assert_eq!((call.name.as_str(), ask.name.as_str()), ("chat", "ask"));
    let log = call.request.unwrap();
    // rig does not record content by default: it comes from the exchange.
    assert!(log.input.text().contains("Why?"), "{log:#?}");
    assert!(!log.output.text().is_empty() && log.output_tokens.is_some());
    assert_eq!(log.metadata["finish_reason"], "stop");
    assert_eq!(log.metadata["agent_name"], "forecaster");
    assert!(log.tags.contains("rig"));
    assert_eq!((log.status, log.function_name.as_deref()), (RequestStatus::Success, Some("chat")));
    assert!(ask.request.is_none());
}

#[test]
fn failed_rig_call_has_the_providers_words() {
    let [call, _] = spans_of(UNKNOWN_MODEL);
    let log = call.request.unwrap();
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderError)));
    assert!(log.error_message().unwrap().starts_with("404 Not Found: "), "{:?}", log.error_message());
}
