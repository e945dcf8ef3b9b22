//! Exchanges that belong to a call that is already recorded: the call makes one request log.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use futures_core::Stream;
use promptlayer_tracing::blueprint::{ErrorType, RequestStatus};
use promptlayer_tracing::in_memory::CapturedSpan;
use promptlayer_tracing::middleware::PromptLayerMiddleware;
use promptlayer_tracing::promptlayer;
use reqwest_middleware::ClientWithMiddleware;
use serde_json::{Value, json};

use super::bodies::{EVENTS, events};
use super::server::Server;
use super::{CHAT, JSON, ask, client, reply, run};

/// Returns the only span of a test.
#[track_caller]
fn only(spans: Vec<CapturedSpan>) -> CapturedSpan {
    assert_eq!(spans.len(), 1, "{spans:#?}");
    spans.into_iter().next().unwrap()
}

async fn text(client: &ClientWithMiddleware, url: String) -> String {
    ask(client, url).await.text().await.unwrap()
}

#[test]
fn exchange_completes_the_log_of_the_annotated_function() {
    #[promptlayer(tags = ["chat"], metadata(customer = 7), parameters(seed = 3))]
    async fn outer(client: &ClientWithMiddleware, url: String, question: &str) -> String {
        assert_eq!(question, "What?");
        text(client, url).await.replace("Because.", "It is so.")
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        outer(&client(&server, "groq"), server.url(CHAT), "What?").await;
    });
    let span = only(captured.spans());
    assert_eq!((span.name.as_str(), span.parent_id), ("outer", None));
    assert_eq!(span.fields["http.response.status_code"], 200);
    assert!(span.fields["url.full"].as_str().unwrap().ends_with(CHAT));
    // What the function took and gave is kept, because the log shows the exchange.
    let arguments: Value = serde_json::from_str(&span.function_input.unwrap()).unwrap();
    assert_eq!((&arguments["question"], arguments.get("client")), (&json!("What?"), None));
    assert!(span.function_output.unwrap().contains("It is so."));
    let log = span.request.unwrap();
    assert_eq!(log.function_name.as_deref(), Some("outer"));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("groq", "gpt-4o"));
    assert_eq!((log.input.text(), log.output.text()), ("why?".into(), "Because.".into()));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(2)));
    assert_eq!(log.metadata["finish_reason"], "stop");
    assert_eq!(log.metadata["customer"], "7");
    assert_eq!(log.parameters["seed"], 3);
    assert!(log.tags.contains("chat"));
    assert_eq!(log.status, RequestStatus::Success);
}

#[test]
fn explicit_kind_and_exchange_make_one_log() {
    #[promptlayer(kind = "llm")]
    async fn outer(client: &ClientWithMiddleware, url: String) -> String {
        text(client, url).await
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        outer(&client(&server, "openai"), server.url(CHAT)).await;
    });
    assert_eq!(only(captured.spans()).request.unwrap().output.text(), "Because.");
}

#[test]
fn explicit_input_and_output_are_kept() {
    #[promptlayer(input = "(hidden)", output = |_: &String| "(hidden too)", provider = "mine", model = "m")]
    async fn outer(client: &ClientWithMiddleware, url: String) -> String {
        text(client, url).await
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        outer(&client(&server, "openai"), server.url(CHAT)).await;
    });
    let span = only(captured.spans());
    assert!(!format!("{span:?}").contains("Because."), "{span:#?}");
    let log = span.request.unwrap();
    assert_eq!((log.input.text(), log.output.text()), ("(hidden)".into(), "(hidden too)".into()));
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("mine", "m"));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(2)));
}

#[test]
fn second_exchange_makes_two_logs_and_a_span() {
    #[promptlayer(tags = ["twice"])]
    async fn outer(client: &ClientWithMiddleware, url: String) {
        text(client, url.clone()).await;
        text(client, url).await;
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        outer(&client(&server, "openai"), server.url(CHAT)).await;
    });
    let [first, second, around] = <[_; 3]>::try_from(captured.spans()).unwrap();
    assert_eq!((around.name.as_str(), around.request.is_none()), ("outer", true));
    for call in [first, second] {
        assert_eq!((call.parent_id, call.trace_id), (Some(around.span_id), around.trace_id));
        assert_ne!(call.span_id, around.span_id);
        let log = call.request.unwrap();
        assert!(log.tags.contains("twice"));
        assert_eq!(log.output.text(), "Because.");
    }
}

#[test]
fn exchanges_at_the_same_time_make_two_logs() {
    #[promptlayer]
    async fn outer(client: &ClientWithMiddleware, url: String) {
        let (first, second) = tokio::join!(text(client, url.clone()), text(client, url));
        assert_eq!(first, second);
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        outer(&client(&server, "openai"), server.url(CHAT)).await;
    });
    let logs = captured.requests();
    assert_eq!((captured.spans().len(), logs.len()), (3, 2));
    assert!(logs.iter().all(|log| log.output.text() == "Because."));
}

#[test]
fn annotated_call_after_the_exchange_makes_two_logs() {
    #[promptlayer]
    fn local(question: &str) -> String {
        question.to_uppercase()
    }
    #[promptlayer]
    async fn outer(client: &ClientWithMiddleware, url: String) -> String {
        local(&text(client, url).await)
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        outer(&client(&server, "openai"), server.url(CHAT)).await;
    });
    let spans = captured.spans();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["model_request", "local", "outer"]);
    assert!(spans[..2].iter().all(|span| span.request.is_some() && span.parent_id == Some(spans[2].span_id)));
    assert!(spans[2].request.is_none());
}

#[test]
fn streamed_function_and_its_exchange_make_one_log() {
    #[promptlayer(tags = ["stream"])]
    fn outer(client: ClientWithMiddleware, url: String) -> impl Stream<Item = String> {
        Pieces { asked: Some(Box::pin(async move { ask(&client, url).await })), response: None }
    }
    let captured = run(async || {
        let body = format!("{}data: [DONE]\n\n", events().concat());
        let server = Server::whole(200, EVENTS, body.clone()).await;
        let mut stream = pin!(outer(client(&server, "openai"), server.url(CHAT)));
        let mut all = String::new();
        while let Some(piece) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            all += &piece;
        }
        assert_eq!(all, body);
    });
    let span = only(captured.spans());
    let log = span.request.unwrap();
    assert_eq!((log.function_name.as_deref(), log.output.text()), (Some("outer"), "Because.".into()));
    assert!(log.tags.contains("stream"));
    assert!(log.metadata.contains_key("time_to_first_chunk_ms"));
    assert_eq!(span.function_output, None, "the items are the reply");
}

/// Sends a request and gives the pieces of its response.
struct Pieces {
    asked: Option<Pin<Box<dyn Future<Output = reqwest::Response>>>>,
    response: Option<reqwest::Response>,
}

impl Stream for Pieces {
    type Item = String;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<String>> {
        if let Some(asked) = &mut self.asked {
            let response = ready!(asked.as_mut().poll(context));
            (self.asked, self.response) = (None, Some(response));
        }
        let Some(response) = &mut self.response else { return Poll::Ready(None) };
        // What `chunk` waits for is kept in the response, so it can be asked again.
        let piece = ready!(pin!(response.chunk()).poll(context)).unwrap();
        Poll::Ready(piece.map(|piece| String::from_utf8(piece.to_vec()).unwrap()))
    }
}

#[test]
fn failed_attempt_is_a_log_inside_that_of_the_function() {
    #[promptlayer]
    async fn outer(client: &ClientWithMiddleware, url: String) -> String {
        ask(client, url.clone()).await.error_for_status().unwrap_err();
        text(client, url).await
    }
    let captured = run(async || {
        let server = Server::responses([(429, reply()), (200, reply())]).await;
        outer(&client(&server, "openai"), server.url(CHAT)).await;
    });
    let [failed, call] = <[_; 2]>::try_from(captured.spans()).unwrap();
    assert_eq!((call.name.as_str(), failed.parent_id), ("outer", Some(call.span_id)));
    assert_eq!(failed.request.unwrap().error_type, Some(ErrorType::ProviderRateLimit));
    let log = call.request.unwrap();
    assert_eq!((log.status, log.output.text()), (RequestStatus::Success, "Because.".into()));
}

#[test]
fn failed_exchange_fails_the_log_with_the_providers_words() {
    #[promptlayer]
    async fn outer(client: &ClientWithMiddleware, url: String) -> Result<String, String> {
        let response = ask(client, url).await;
        if response.status().is_success() { Ok("fine".to_owned()) } else { Err("refused".to_owned()) }
    }
    let captured = run(async || {
        let error = json!({"error": {"message": "slow down"}}).to_string();
        let server = Server::whole(429, JSON, error).await;
        outer(&client(&server, "openai"), server.url(CHAT)).await.unwrap_err();
    });
    let log = only(captured.spans()).request.unwrap();
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderRateLimit)));
    assert!(log.error_message().unwrap().starts_with("429 Too Many Requests"), "{:?}", log.error_message());
}

#[test]
fn error_after_a_good_exchange_fails_the_log() {
    #[promptlayer]
    async fn outer(client: &ClientWithMiddleware, url: String) -> Result<String, String> {
        Err(format!("cannot use {}", text(client, url).await.len()))
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        outer(&client(&server, "openai"), server.url(CHAT)).await.unwrap_err();
    });
    let log = only(captured.spans()).request.unwrap();
    assert_eq!((log.status, log.output.text()), (RequestStatus::Error, "Because.".into()));
    assert!(log.error_message().unwrap().starts_with("cannot use"));
}

#[test]
fn body_read_after_the_function_returned_completes_its_log() {
    #[promptlayer(tags = ["early"])]
    async fn outer(client: &ClientWithMiddleware, url: String) -> Result<reqwest::Response, Infallible> {
        Ok(ask(client, url).await)
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let response = outer(&client(&server, "openai"), server.url(CHAT)).await.unwrap();
        response.text().await.unwrap();
    });
    let log = only(captured.spans()).request.unwrap();
    assert_eq!((log.function_name.as_deref(), log.output.text()), (Some("outer"), "Because.".into()));
    assert!(log.tags.contains("early"));
}

#[test]
fn exchange_of_an_external_span_completes_its_log() {
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let client = client(&server, "openai");
        let span = tracing::info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = "gpt-4o",
            gen_ai.response.id = tracing::field::Empty,
            gen_ai.agent.name = "forecaster",
        );
        tracing::Instrument::instrument(text(&client, server.url(CHAT)), span).await;
    });
    let span = only(captured.spans());
    assert_eq!(span.name, "chat");
    let log = span.request.unwrap();
    assert_eq!((log.input.text(), log.output.text()), ("why?".into(), "Because.".into()));
    assert_eq!((log.input_tokens, log.status), (Some(5), RequestStatus::Success));
    assert_eq!(log.metadata["agent_name"], "forecaster");
    assert_eq!(log.api_type.as_deref(), Some("chat-completions"));
}

#[test]
fn embedding_inside_a_call_of_kind_llm_is_its_own_log() {
    #[promptlayer(kind = "llm")]
    async fn outer(client: &ClientWithMiddleware, server: String) -> String {
        text(client, format!("{server}/v1/embeddings")).await;
        text(client, format!("{server}{CHAT}")).await
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        outer(&client(&server, "openai"), server.url("")).await;
    });
    let [embedding, call] = <[_; 2]>::try_from(captured.spans()).unwrap();
    assert_eq!(embedding.parent_id, Some(call.span_id));
    assert_eq!(call.request.unwrap().output.text(), "Because.");
}

#[test]
fn times_of_the_log_are_those_of_the_exchange() {
    #[promptlayer]
    async fn outer(client: &ClientWithMiddleware, url: String) -> SystemTime {
        let said = text(client, url).await;
        let answered = SystemTime::now();
        // What the function does afterwards takes some time.
        while SystemTime::now() <= answered {}
        assert_eq!(said, reply());
        answered
    }
    let mut answered = None;
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        answered = Some(outer(&client(&server, "openai"), server.url(CHAT)).await);
    });
    let span = only(captured.spans());
    let log = span.request.unwrap();
    let (start, end) = (log.request_start_time.unwrap(), log.request_end_time.unwrap());
    assert!(end <= answered.unwrap() && end.duration_since(start).unwrap() < span.duration);
}

#[test]
fn exchange_inside_a_tool_is_its_own_log() {
    #[promptlayer(kind = "tool")]
    async fn tool(client: &ClientWithMiddleware, url: String) -> String {
        text(client, url).await
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        tool(&client(&server, "openai"), server.url(CHAT)).await;
    });
    let [call, tool] = <[_; 2]>::try_from(captured.spans()).unwrap();
    assert_eq!((call.parent_id, tool.request.is_none()), (Some(tool.span_id), true));
    assert_eq!(call.request.unwrap().output.text(), "Because.");
}

#[test]
fn call_dropped_before_its_response_is_one_cancelled_log() {
    #[promptlayer(tags = ["slow"])]
    async fn outer(client: &ClientWithMiddleware, url: String) -> String {
        text(client, url).await
    }
    let captured = run(async || {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = silent.local_addr().unwrap().to_string();
        let client = super::client_with(PromptLayerMiddleware::new().host(&host, "openai"));
        tokio::select! {
            _ = outer(&client, format!("http://{host}{CHAT}")) => panic!("there is no answer"),
            accepted = silent.accept() => drop(accepted.unwrap()),
        }
    });
    let log = only(captured.spans()).request.unwrap();
    assert_eq!((log.status, log.input.text()), (RequestStatus::Warning, "why?".into()));
    assert_eq!(log.error_type, Some(ErrorType::ProviderPartialResponse));
    assert!(log.tags.contains("slow"));
}
