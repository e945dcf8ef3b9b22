//! Calls through a client that is a service of tower.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};

use ::tower::{Service, ServiceBuilder, ServiceExt as _};
use axum::body::{Body, Bytes};
use http::{Request, Response};
use http_body::Body as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use promptlayer_tracing::blueprint::{ErrorType, RequestStatus};
use promptlayer_tracing::middleware::{PromptLayerMiddleware, PromptLayerService, RequestBody, ResponseBody};
use promptlayer_tracing::{layer, promptlayer};
use tests::in_memory::captured_with;

use super::bodies::{EVENTS, events};
use super::server::{Server, pieces};
use super::usage::usage_chunk;
use super::{CHAT, JSON, log_of, question, reply, run};

type Hyper = Client<HttpConnector, RequestBody<Body>>;
type Error = Box<dyn std::error::Error + Send + Sync>;

fn service(middleware: PromptLayerMiddleware) -> PromptLayerService<Hyper> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    ServiceBuilder::new().layer(middleware).service(client)
}

fn client(server: &Server) -> PromptLayerService<Hyper> {
    service(PromptLayerMiddleware::new().host(&server.host, "openai"))
}

fn request(url: String, body: impl Into<Body>) -> Request<Body> {
    Request::post(url)
        .header("authorization", "Bearer sk-secret")
        .header("content-type", JSON)
        .body(body.into())
        .unwrap()
}

async fn send<S, R>(service: S, request: Request<Body>) -> Response<R>
where
    S: Service<Request<Body>, Response = Response<R>, Error = Error>,
{
    service.oneshot(request).await.unwrap()
}

/// Returns the next piece of a body.
async fn piece<B>(body: &mut ResponseBody<B>) -> Option<Result<Bytes, Error>>
where
    B: http_body::Body + Unpin,
    B::Error: Into<Error>,
{
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap()))
}

async fn whole<B>(mut body: ResponseBody<B>) -> String
where
    B: http_body::Body + Unpin,
    B::Error: Into<Error>,
{
    let mut all = Vec::new();
    while let Some(piece) = piece(&mut body).await {
        all.extend(piece.unwrap());
    }
    String::from_utf8(all).unwrap()
}

#[test]
fn tower_call_is_logged_once_and_passed_on_unchanged() {
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let url = server.url("/v1/chat/completions?key=sk-query");
        let response = send(client(&server), request(url, question())).await;
        assert_eq!((response.status(), response.version()), (http::StatusCode::OK, http::Version::HTTP_11));
        assert_eq!(response.headers()["x-request-id"], "req_1");
        assert_eq!(response.body().size_hint().exact(), Some(reply().len() as u64));
        assert_eq!(whole(response.into_body()).await, reply());
        assert_eq!(server.received.lock().unwrap().as_slice(), [question()]);
    });
    let [span] = <[_; 1]>::try_from(captured.spans()).unwrap();
    assert!(!format!("{span:?}").contains("sk-"), "neither headers nor queries are logged");
    let log = span.request.unwrap();
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("openai", "gpt-4o"));
    assert_eq!((log.input.text(), log.output.text()), ("why?".into(), "Because.".into()));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(2)));
}

#[test]
fn tower_stream_pieces_are_passed_on_without_delay() {
    let log = log_of(async || {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let mut body = send(client(&server), request(server.url(CHAT), question())).await.into_body();
        let [first, second, third] = events();
        for sent in [&first[..20], &first[20..], &second, &third, "data: [DONE]\n\n"] {
            pieces.send(sent.to_owned());
            assert_eq!(piece(&mut body).await.unwrap().unwrap(), sent);
        }
        drop(pieces);
        assert!(piece(&mut body).await.is_none());
    });
    assert_eq!((log.status, log.output.text()), (RequestStatus::Success, "Because.".into()));
    assert!(log.metadata.contains_key("time_to_first_chunk_ms"));
}

#[test]
fn tower_request_body_in_pieces_is_logged() {
    let log = log_of(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let (pieces, body) = pieces();
        let sent = send(client(&server), request(server.url(CHAT), body));
        let question = question();
        pieces.send(question[..10].to_owned());
        pieces.send(question[10..].to_owned());
        drop(pieces);
        whole(sent.await.into_body()).await;
        assert_eq!(server.received.lock().unwrap()[0], question);
    });
    assert_eq!((log.input.text(), log.output.text()), ("why?".into(), "Because.".into()));
}

#[test]
fn tower_failures_are_logged() {
    let log = log_of(async || {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        drop(listener);
        let service = service(PromptLayerMiddleware::new().host(&host, "openai"));
        let url = format!("http://{host}{CHAT}");
        let error = service.oneshot(request(url, question())).await.unwrap_err();
        assert!(error.is::<hyper_util::client::legacy::Error>(), "{error:?}");
    });
    assert_eq!((log.status, log.error_type), (RequestStatus::Error, Some(ErrorType::ProviderError)));
    assert!(
        log.error_message().unwrap().starts_with("client error (Connect): "),
        "{:?}",
        log.error_message()
    );
    assert_eq!(log.metadata["request_body"], "not sent to its end");

    let log = log_of(async || {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let mut body = send(client(&server), request(server.url(CHAT), question())).await.into_body();
        let [first, ..] = events();
        pieces.send(first);
        piece(&mut body).await.unwrap().unwrap();
        pieces.break_off();
        piece(&mut body).await.unwrap().unwrap_err();
    });
    assert_eq!((log.status, log.output.text()), (RequestStatus::Error, "Be".into()));

    let log = log_of(async || {
        let (server, pieces) = Server::in_pieces(EVENTS).await;
        let mut body = send(client(&server), request(server.url(CHAT), question())).await.into_body();
        pieces.send(events()[0].clone());
        piece(&mut body).await.unwrap().unwrap();
    });
    let partial = (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse));
    assert_eq!((log.status, log.error_type), partial);

    let log = log_of(async || {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = silent.local_addr().unwrap().to_string();
        let service = service(PromptLayerMiddleware::new().host(&host, "openai"));
        tokio::select! {
            _ = service.oneshot(request(format!("http://{host}{CHAT}"), question())) => panic!("no answer"),
            accepted = silent.accept() => drop(accepted.unwrap()),
        }
    });
    assert_eq!((log.status, log.error_type), partial);
}

#[test]
fn tower_stream_is_asked_for_its_usage() {
    let log = log_of(async || {
        let server = Server::whole(200, EVENTS, format!("{}{}", events().concat(), usage_chunk())).await;
        let middleware = PromptLayerMiddleware::new().host(&server.host, "openai").include_usage(true);
        let body = question().replacen('{', r#"{"stream":true,"#, 1);
        let mut request = request(server.url(CHAT), body.clone());
        request.headers_mut().insert("content-length", body.len().into());
        whole(send(service(middleware), request).await.into_body()).await;
        let asked = body.replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1);
        assert_eq!(server.received.lock().unwrap()[0], asked);
    });
    assert_eq!((log.output.text(), log.output_tokens), ("Because.".into(), Some(2)));
}

#[test]
fn tower_exchange_joins_the_annotated_call() {
    #[promptlayer(tags = ["tower"])]
    async fn outer(service: PromptLayerService<Hyper>, url: String) -> String {
        whole(send(service, request(url, question())).await.into_body()).await
    }
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        outer(client(&server), server.url(CHAT)).await;
    });
    let [span] = <[_; 1]>::try_from(captured.spans()).unwrap();
    let log = span.request.unwrap();
    assert_eq!((log.function_name.as_deref(), log.output_tokens), (Some("outer"), Some(2)));
    assert!(log.tags.contains("tower"));
}

#[test]
fn span_inside_a_joined_exchange_belongs_to_the_call() {
    #[promptlayer]
    async fn outer() -> String {
        let inner = ::tower::service_fn(|request: Request<RequestBody<Body>>| async move {
            tracing::info_span!("connect").in_scope(|| drop(request));
            Ok::<_, Infallible>(Response::new(Body::from(reply())))
        });
        let service = ServiceBuilder::new().layer(PromptLayerMiddleware::new()).service(inner);
        whole(
            send(service, request("https://api.openai.com/v1/chat/completions".to_owned(), question()))
                .await
                .into_body(),
        )
        .await
    }
    let builder = layer().export_spans(|metadata| metadata.name() == "connect");
    let captured = captured_with(builder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(outer());
    });
    let [connect, outer] = <[_; 2]>::try_from(captured.spans()).unwrap();
    assert_eq!((connect.name.as_str(), connect.parent_id), ("connect", Some(outer.span_id)));
    assert_eq!(outer.request.unwrap().output.text(), "Because.");
}

#[test]
fn other_tower_requests_pass_unchanged() {
    let captured = run(async || {
        let server = Server::whole(200, JSON, reply()).await;
        let unknown = service(PromptLayerMiddleware::new().include_usage(true));
        let response = send(unknown, request(server.url(CHAT), question())).await;
        assert_eq!(whole(response.into_body()).await, reply());
        assert_eq!(server.received.lock().unwrap()[0], question());
    });
    assert!(captured.spans().is_empty());
}

#[test]
fn request_with_a_host_header_only_is_recognized() {
    let log = log_of(async || {
        let inner = ::tower::service_fn(|request: Request<RequestBody<Body>>| async move {
            let mut body = pin!(request.into_body());
            while poll_fn(|context| body.as_mut().poll_frame(context)).await.is_some() {}
            Ok::<_, Infallible>(Response::new(Body::from(reply())))
        });
        let service = ServiceBuilder::new().layer(PromptLayerMiddleware::new()).service(inner);
        let mut request = request(CHAT.to_owned(), question());
        request.headers_mut().insert("host", "api.groq.com".parse().unwrap());
        whole(send(service, request).await.into_body()).await;
    });
    assert_eq!((log.provider.as_str(), log.output.text()), ("groq", "Because.".into()));
}
