//! Calls through the proxy, by a client that only takes a base address.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use promptlayer_tracing::blueprint::{ErrorType, RequestStatus};
use promptlayer_tracing::middleware::PromptLayerMiddleware;
use promptlayer_tracing::proxy::Proxy;
use promptlayer_tracing::{layer, promptlayer, proxy};
use serde_json::{Value, json};
use tests::in_memory::captured_with;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::bodies::{EVENTS, events};
use super::server::{Server, pieces};
use super::usage::usage_chunk;
use super::{JSON, log_of, question, reply, run};

const PATH: &str = "/chat/completions";

/// Starts a proxy in front of a server.
fn before(server: &Server) -> Proxy {
    proxy(server.url("/v1")).http(reqwest::ClientBuilder::no_proxy).provider("openai").start().unwrap()
}

/// Waits until all requests have ended, and so are logged.
fn end(proxy: Proxy) {
    assert!(proxy.shutdown(Duration::from_secs(20)));
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn ask(base: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
    client()
        .post(format!("{base}{PATH}?key=sk-query"))
        .header("authorization", "Bearer sk-secret")
        .header("content-type", JSON)
        .body(body)
        .send()
        .await
        .unwrap()
}

#[test]
fn call_through_the_proxy_is_logged_and_passed_on() {
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let proxy = before(&server);
        let response = ask(proxy.url(), question()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-request-id"], "req_1");
        assert_eq!(response.content_length(), Some(reply().len() as u64));
        assert_eq!(response.text().await.unwrap(), reply());
        assert_eq!(server.received.lock().unwrap().as_slice(), [question()]);
        end(proxy);
    });
    let [span] = <[_; 1]>::try_from(captured.spans()).unwrap();
    assert!(!format!("{span:?}").contains("sk-"), "neither headers nor queries are logged");
    assert!(span.fields["url.full"].as_str().unwrap().ends_with("/v1/chat/completions"));
    let log = span.request.unwrap();
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", "gpt-4o"));
    assert_eq!((log.input.text(), log.output.text()), ("why?".into(), "Because.".into()));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(2)));
}

#[test]
fn call_is_logged_before_the_client_sees_its_end() {
    let events = format!("{}data: [DONE]\n\n", events().concat());
    for (kind, body) in [(JSON, reply()), (EVENTS, events)] {
        let order: Arc<Mutex<Vec<&str>>> = Arc::default();
        let logged = Arc::clone(&order);
        captured_with(layer().redact(move |_| logged.lock().unwrap().push("logged")), || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (server, pieces) = Server::in_pieces(kind).await;
                let proxy = before(&server);
                pieces.send(body.clone());
                drop(pieces);
                assert_eq!(ask(proxy.url(), question()).await.text().await.unwrap(), body);
                order.lock().unwrap().push("read");
                end(proxy);
            });
        });
        assert_eq!(*order.lock().unwrap(), ["logged", "read"], "{kind}");
    }
}

#[test]
fn proxy_passes_stream_pieces_on_without_delay() {
    let log = log_of(async || {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let proxy = before(&server);
        let mut response = ask(proxy.url(), question()).await;
        let [first, second, third] = events();
        for piece in [&first[..20], &first[20..], &second, &third, "data: [DONE]\n\n"] {
            pieces.send(piece.to_owned());
            assert_eq!(response.chunk().await.unwrap().unwrap(), piece);
        }
        drop(pieces);
        assert_eq!(response.chunk().await.unwrap(), None);
        end(proxy);
    });
    assert_eq!((log.status, log.output.text()), (RequestStatus::Success, "Because.".into()));
    assert!(log.metadata.contains_key("time_to_first_chunk_ms"));
}

#[test]
fn proxy_passes_request_pieces_on() {
    let log = log_of(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let proxy = before(&server);
        let (pieces, body) = pieces();
        let question = question();
        pieces.send(question[..10].to_owned());
        pieces.send(question[10..].to_owned());
        drop(pieces);
        ask(proxy.url(), reqwest::Body::wrap(Shared(Mutex::new(body)))).await.text().await.unwrap();
        assert_eq!(server.received.lock().unwrap()[0], question);
        end(proxy);
    });
    assert_eq!((log.input.text(), log.output.text()), ("why?".into(), "Because.".into()));
}

/// A body that can be shared, as reqwest requires.
struct Shared(Mutex<Body>);

impl http_body::Body for Shared {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::pin::Pin::new(&mut *self.0.lock().unwrap()).poll_frame(context)
    }
}

#[test]
fn scoped_address_joins_the_annotated_call() {
    #[promptlayer(tags = ["chat"], metadata(customer = 7))]
    async fn outer(proxy: &Proxy) -> String {
        let address = proxy.scoped();
        ask(address.url(), question()).await.text().await.unwrap()
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let proxy = before(&server);
        assert_eq!(outer(&proxy).await, reply());
        end(proxy);
    });
    let [span] = <[_; 1]>::try_from(captured.spans()).unwrap();
    let log = span.request.unwrap();
    assert_eq!((log.function_name.as_deref(), log.output.text()), (Some("outer"), "Because.".into()));
    assert_eq!((log.metadata["customer"].as_str(), log.output_tokens), ("7", Some(2)));
    assert!(log.tags.contains("chat"));
}

#[test]
fn scoped_address_in_a_tool_gives_its_calls_a_parent() {
    #[promptlayer(kind = "tool", tags = ["tool"])]
    async fn tool(proxy: &Proxy) {
        let address = proxy.scoped();
        for _ in 0..2 {
            ask(address.url(), question()).await.text().await.unwrap();
        }
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let proxy = before(&server);
        tool(&proxy).await;
        end(proxy);
    });
    let spans = captured.spans();
    let tool = spans.iter().find(|span| span.name == "tool").unwrap();
    let calls: Vec<_> = spans.iter().filter(|span| span.name == "model_request").collect();
    assert_eq!((spans.len(), calls.len()), (3, 2));
    for call in calls {
        assert_eq!((call.parent_id, call.trace_id), (Some(tool.span_id), tool.trace_id));
        assert!(call.request.as_ref().unwrap().tags.contains("tool"));
    }
}

#[test]
fn closed_or_guessed_scope_is_refused() {
    #[promptlayer(kind = "chain")]
    async fn scope(proxy: &Proxy) -> [String; 2] {
        let (first, second) = (proxy.scoped(), proxy.scoped());
        assert_ne!(first.url(), second.url());
        assert!(first.url().starts_with(proxy.url()));
        assert!(!format!("{first:?}").contains(proxy.url()));
        [first.to_string(), second.url().to_owned()]
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let proxy = before(&server);
        assert_eq!(proxy.scoped().url(), proxy.url(), "no span is current");
        let [closed, _] = scope(&proxy).await;
        for base in [closed.clone(), format!("{closed}0"), format!("{}/~promptlayer-", proxy.url())] {
            let response = ask(&base, question()).await;
            assert_eq!(response.status(), 404, "{base}");
            let error: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            assert!(error["error"]["message"].as_str().unwrap().contains("was closed"), "{error}");
        }
        assert!(server.received.lock().unwrap().is_empty());
        end(proxy);
    });
    assert!(captured.requests().is_empty());
}

#[test]
fn error_responses_are_passed_on_and_logged() {
    let error = json!({"error": {"message": "slow down"}}).to_string();
    let log = log_of(async || {
        let server = Server::whole(429, "application/octet-stream", error.clone()).await;
        let proxy = before(&server);
        let response = ask(proxy.url(), question()).await;
        assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (429, error.clone()));
        end(proxy);
    });
    assert_eq!(log.error_type, Some(ErrorType::ProviderRateLimit));
    assert_eq!(log.error_message(), Some("429 Too Many Requests: slow down"));
}

#[test]
fn unreachable_provider_is_answered_with_502() {
    let log = log_of(async || {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        drop(listener);
        let proxy = proxy(url).http(reqwest::ClientBuilder::no_proxy).start().unwrap();
        let response = ask(proxy.url(), question()).await;
        assert_eq!(response.status(), 502);
        let body = response.text().await.unwrap();
        assert!(body.contains("promptlayer_proxy") && body.contains("error sending request"), "{body}");
        assert!(!body.contains("sk-"), "{body}");
        end(proxy);
    });
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderError)));
    assert!(!format!("{log:?}").contains("sk-"));
}

#[test]
fn client_that_gives_up_drops_the_request() {
    let log = log_of(async || {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", silent.local_addr().unwrap());
        let proxy = proxy(url).http(reqwest::ClientBuilder::no_proxy).provider("openai").start().unwrap();
        let received = async {
            let mut connection = silent.accept().await.unwrap().0;
            let mut request = Vec::new();
            while !request.ends_with(question().as_bytes()) {
                request.push(connection.read_u8().await.unwrap());
            }
            connection
        };
        let mut connection = tokio::select! {
            _ = ask(proxy.url(), question()) => panic!("there is no answer"),
            connection = received => connection,
        };
        // The proxy closes the connection to the provider.
        connection.read_to_end(&mut Vec::new()).await.unwrap();
        end(proxy);
    });
    assert_eq!((log.status, log.input.text()), (RequestStatus::Warning, "why?".into()));
    assert_eq!(log.error_type, Some(ErrorType::ProviderPartialResponse));
}

/// Starts a server that tells the headers and path of its last request, and answers with a redirect.
async fn redirecting() -> (String, Arc<Mutex<Option<http::request::Parts>>>) {
    let seen: Arc<Mutex<Option<http::request::Parts>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let app = axum::Router::new().fallback(move |request: Request| {
        *kept.lock().unwrap() = Some(request.into_parts().0);
        async {
            http::Response::builder()
                .status(307)
                .header("location", "http://127.0.0.1:1/elsewhere")
                .header("connection", "x-hop")
                .header("x-hop", "1")
                .body(Body::empty())
                .unwrap()
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, seen)
}

#[test]
fn headers_of_a_connection_and_redirects_stay_where_they_are() {
    run(async || {
        let (url, seen) = redirecting().await;
        let proxy = proxy(url.clone()).http(reqwest::ClientBuilder::no_proxy).start().unwrap();
        let response = client()
            .get(format!("{}/a/%7Eb/../c?d=e%20f", proxy.url()))
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("x-end", "2")
            .header("user-agent", "test/1")
            .header("accept-encoding", "gzip")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 307);
        assert_eq!(response.headers()["location"], "http://127.0.0.1:1/elsewhere");
        assert!(!response.headers().contains_key("x-hop"));
        let seen = seen.lock().unwrap().take().unwrap();
        assert_eq!((seen.method.as_str(), seen.uri.to_string()), ("GET", "/a/c?d=e%20f".to_owned()));
        assert_eq!(
            (&seen.headers["x-end"], &seen.headers["user-agent"]),
            (&"2".parse().unwrap(), &"test/1".parse().unwrap())
        );
        assert_eq!(seen.headers["host"], url.trim_start_matches("http://"));
        assert_eq!(seen.headers["accept-encoding"], "identity");
        assert!(!seen.headers.contains_key("x-hop"));
        end(proxy);
    });
}

/// Sends a request as these bytes and returns the status line.
async fn raw(proxy: &Proxy, request: String) -> String {
    let address = proxy.url().trim_start_matches("http://");
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).await.unwrap();
    response.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn request_from_elsewhere_is_refused() {
    run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let proxy = before(&server);
        let port = proxy.url().rsplit(':').next().unwrap().to_owned();
        for (head, status) in [
            (format!("GET /models HTTP/1.1\r\nhost: evil.example:{port}\r\n"), 421),
            (format!("GET http://evil.example:{port}/ HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"), 421),
            ("GET /models HTTP/1.1\r\nhost: 127.0.0.1:1\r\n".to_owned(), 421),
            ("GET /models HTTP/1.0\r\n".to_owned(), 421),
            (
                format!("GET /models HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: https://evil.example\r\n"),
                403,
            ),
            (format!("GET /models HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: null\r\n"), 403),
            (format!("OPTIONS * HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"), 400),
            (format!("GET /models HTTP/1.1\r\nhost: LOCALHOST:{port}\r\n"), 200),
            (
                format!(
                    "GET /models HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: http://localhost:3000\r\n"
                ),
                200,
            ),
        ] {
            let line = raw(&proxy, format!("{head}connection: close\r\n\r\n")).await;
            assert!(line.split(' ').nth(1) == Some(&status.to_string()), "{head}: {line}");
        }
        assert_eq!(server.received.lock().unwrap().len(), 2);
        end(proxy);
    });
}

#[test]
fn proxied_stream_is_asked_for_its_usage() {
    let log = log_of(async || {
        let server = Server::whole(200, EVENTS, format!("{}{}", events().concat(), usage_chunk())).await;
        let proxy = proxy(server.url("/v1/"))
            .http(reqwest::ClientBuilder::no_proxy)
            .middleware(PromptLayerMiddleware::new().include_usage(true))
            .start()
            .unwrap();
        let body = question().replacen('{', r#"{"stream":true,"#, 1);
        ask(proxy.url(), body.clone()).await.text().await.unwrap();
        let asked = body.replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1);
        assert_eq!(server.received.lock().unwrap()[0], asked);
        end(proxy);
    });
    assert_eq!((log.provider.as_str(), log.output_tokens), ("openai", Some(2)));
}

#[test]
fn request_in_progress_ends_after_the_proxy_is_dropped() {
    let log = log_of(async || {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let proxy = before(&server);
        let address = proxy.url().trim_start_matches("http://").to_owned();
        let mut connection = tokio::net::TcpStream::connect(&address).await.unwrap();
        let (body, length) = (question(), question().len());
        let request =
            format!("POST {PATH} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n{body}");
        connection.write_all(request.as_bytes()).await.unwrap();
        // The head of the response has arrived.
        let mut response = vec![connection.read_u8().await.unwrap()];
        drop(proxy);
        pieces.send(format!("{}data: [DONE]\n\n", events().concat()));
        drop(pieces);
        // The proxy closes the connection after the response.
        connection.read_to_end(&mut response).await.unwrap();
        assert!(String::from_utf8(response).unwrap().contains("[DONE]"));
    });
    assert_eq!((log.status, log.output.text()), (RequestStatus::Success, "Because.".into()));
}

#[test]
fn shutdown_drops_what_takes_too_long() {
    let log = log_of(async || {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let proxy = before(&server);
        let mut response = ask(proxy.url(), question()).await;
        pieces.send(events()[0].clone());
        response.chunk().await.unwrap().unwrap();
        assert!(!proxy.shutdown(Duration::ZERO));
    });
    assert_eq!((log.status, log.output.text()), (RequestStatus::Warning, "Be".into()));
}

#[test]
fn proxy_works_without_a_runtime_and_without_a_layer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Server::whole(200, JSON, reply()));
    let proxy = before(&server);
    let said = runtime.block_on(async { ask(proxy.url(), question()).await.text().await.unwrap() });
    assert_eq!(said, reply());
    end(proxy);
}
