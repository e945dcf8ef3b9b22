use std::error::Error as _;
use std::net::TcpListener;

use super::*;
use crate::http::{FailureKind, MAX_ANSWER_BYTES};
use crate::{Error, ErrorKind, Repr, RequestId};

const REQUEST: RequestId = RequestId::new(1001);

/// Returns the error of a request that gets this response.
async fn error_of(reply: Reply) -> Error {
    let server = Server::start([reply]);
    let error = client(&server).track().score(REQUEST, 100).await.unwrap_err();
    assert_eq!(server.finish().len(), 1);
    error
}

#[tokio::test]
async fn wrong_key_is_unauthorized_and_not_shown() {
    let body = format!(r#"{{"error": "no workspace has the key {KEY}"}}"#);
    let error = error_of(Reply::json(401, &body)).await;

    assert!(error.is_unauthorized());
    assert_eq!(error.status(), Some(401));
    let text = error.to_string();
    assert!(text.contains("no workspace has the key [redacted]"), "{text}");
    assert!(text.contains("check the API key"), "{text}");
    assert!(!format!("{error:?}").contains(KEY), "{error:?}");
}

#[test]
fn debug_of_the_client_and_its_builders_omits_the_key() {
    let client = Client::builder().api_key(KEY).env(Env::empty()).build().unwrap();
    let shown = format!(
        "{client:?} {:?} {:?} {:?} {:?} {:?}",
        client.http(),
        client.track().score(REQUEST, 1),
        client.templates().get("example"),
        client.groups(),
        client.requests(),
    );
    assert!(!shown.contains(KEY), "{shown}");
    assert!(shown.contains("https://api.promptlayer.com"), "{shown}");
}

#[tokio::test]
async fn missing_template_is_not_found() {
    let server = Server::start([Reply::json(404, r#"{"message": "no such prompt"}"#)]);
    let error = client(&server).templates().get("nowhere").await.unwrap_err();

    assert!(error.is_not_found());
    assert_eq!(
        error.to_string(),
        "GET /prompt-templates/nowhere was answered with status 404: {\"message\": \"no such \
         prompt\"}"
    );
}

#[tokio::test]
async fn invalid_request_is_rejected_with_the_response_body() {
    let detail = r#"{"detail": [{"loc": ["body", "score"], "msg": "too large", "type": "int"}]}"#;
    let error = error_of(Reply::json(422, detail)).await;

    assert!(error.is_rejected());
    assert!(error.to_string().contains(r#""loc": ["body", "score"]"#), "{error}");
    assert!(error.to_string().starts_with("POST /rest/track-score"), "{error}");
}

#[tokio::test]
async fn success_status_with_success_false_is_rejected() {
    let error = error_of(Reply::json(200, r#"{"success": false, "message": "too late"}"#)).await;

    assert!(error.is_rejected());
    assert!(error.to_string().contains("too late"), "{error}");
}

#[tokio::test]
async fn too_many_requests_returns_retry_after() {
    let error = error_of(Reply::with_headers(429, "retry-after: 7\r\n", "slow down")).await;

    assert!(error.is_rate_limited());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn status_500_is_a_server_error() {
    let error = error_of(Reply::json(500, "")).await;

    assert!(error.is_server_error());
    assert_eq!(error.to_string(), "POST /rest/track-score was answered with status 500");
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let location = format!("location: http://{}/\r\n", elsewhere.local_addr().unwrap());
    let error = error_of(Reply::with_headers(307, &location, "")).await;

    assert!(error.is_redirect());
    assert!(error.to_string().contains("check the base URL"), "{error}");
    assert!(elsewhere.accept().is_err(), "nobody came");
}

#[tokio::test]
async fn long_response_is_quoted_in_part() {
    let body = "é\n".repeat(5000);
    let error = error_of(Reply::json(500, &body)).await;
    let Repr::Status { message, .. } = error.repr() else {
        panic!("not a status");
    };

    assert!(message.len() <= Error::MAX_QUOTED_BYTES, "{}", message.len());
    assert!(message.len() > Error::MAX_QUOTED_BYTES - 4, "{}", message.len());
    assert!(!message.contains('\n'));
}

#[tokio::test]
async fn success_without_json_is_an_unreadable_answer() {
    let server = Server::start([Reply::json(200, "<html>")]);
    let error = client(&server).groups().create().await.unwrap_err();

    assert!(error.is_unreadable_response());
    assert!(error.to_string().contains("it began with `<html>`"), "{error}");
    assert!(error.source().is_some());
}

#[tokio::test]
async fn accepted_request_with_truncated_response_keeps_its_status() {
    let server = Server::start([Reply::cut_short(201, "{\"id\": ")]);
    let failure = client(&server).http().post_bytes("/x", Vec::new()).await.unwrap_err();

    assert_eq!((failure.kind, failure.status), (FailureKind::Broken, Some(201)));
}

#[tokio::test]
async fn refused_request_with_truncated_response_is_refused() {
    let error = error_of(Reply::cut_short(422, "so far")).await;

    assert_eq!(error.status(), Some(422));
    assert!(error.to_string().contains("so far"), "{error}");
}

#[tokio::test]
async fn connection_closed_without_a_response_is_broken() {
    let server = Server::start([Reply::Bytes(Vec::new())]);
    let client = client(&server);
    let failure = client.http().post_bytes("/x", b"{}".to_vec()).await.unwrap_err();
    assert_eq!((failure.kind, failure.status), (FailureKind::Broken, None));
    server.finish();

    assert!(error_of(Reply::Bytes(b"no http\r\n\r\n".to_vec())).await.is_broken());
}

#[tokio::test]
async fn too_large_response_is_discarded() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    bytes.resize(bytes.len() + MAX_ANSWER_BYTES + 1, b' ');
    let server = Server::start([Reply::Bytes(bytes)]);
    let failure = client(&server).http().get_bytes("/x").await.unwrap_err();

    assert_eq!((failure.kind, failure.status), (FailureKind::Broken, Some(200)));
    assert!(failure.source.to_string().contains("larger than"), "{}", failure.source);
}

#[tokio::test]
async fn refused_connection_is_not_sent() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::builder()
        .api_key(KEY)
        .base_url(format!("http://{unused}"))
        .env(Env::empty())
        .build()
        .unwrap();
    let failure = client.http().post_bytes("/x", Vec::new()).await.unwrap_err();
    assert_eq!((failure.kind, failure.status), (FailureKind::NotSent, None));

    let error = client.track().score(REQUEST, 1).await.unwrap_err();
    assert!(error.is_connect());
    assert!(error.source().is_some());
}

#[tokio::test]
async fn late_response_is_a_timeout() {
    let server = Server::start([Reply::Silence]);
    let env = Env::new([("PROMPTLAYER_API_KEY", KEY), ("PROMPTLAYER_HTTP_TIMEOUT", "0.05")]);
    let client = Client::builder().base_url(server.url()).env(env).build().unwrap();
    let error = client.track().score(REQUEST, 1).await.unwrap_err();

    assert!(error.is_timeout(), "{error:?}");
    assert!(error.to_string().contains("within 50ms"), "{error}");
    assert!(error.to_string().contains("PROMPTLAYER_HTTP_TIMEOUT"), "{error}");
    assert_eq!(server.finish().len(), 1);
}

#[test]
fn request_outside_a_runtime_is_an_error_and_no_panic() {
    let client = Client::builder().api_key(KEY).env(Env::empty()).build().unwrap();
    let groups = client.groups();
    let mut future = Box::pin(groups.create());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());

    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(error)) if error.kind() == ErrorKind::NoRuntime => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn own_connections_outlive_another_runtime() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = || Reply::json(200, r#"{"success": true, "message": "ok"}"#);
    let server = Server::start([done(), done()]);
    let client = client(&server);
    let other = client.with_own_connections().unwrap();

    runtime().block_on(client.track().score(REQUEST, 1).into_future()).unwrap();
    runtime().block_on(other.track().score(REQUEST, 2).into_future()).unwrap();

    let seen = server.finish();
    assert_eq!(seen[1].header("x-api-key"), Some(KEY), "the settings are the same");
}

#[tokio::test]
async fn each_request_has_key_and_sdk_headers() {
    let server = Server::start([Reply::json(200, r#"{"success": true}"#)]);
    client(&server).track().score(REQUEST, 100).await.unwrap();

    let seen = server.finish();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(seen[0].header("x-api-key"), Some(KEY));
    assert_eq!(seen[0].header("x-sdk-version"), Some(version));
    assert_eq!(seen[0].header("user-agent"), Some(&*format!("promptlayer-rust/{version}")));
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn path_of_the_base_url_prefixes_every_path() {
    let server = Server::start([Reply::json(200, r#"{"success": true}"#)]);
    let client = Client::builder()
        .api_key(KEY)
        .base_url(format!("{}/behind/a/gate/", server.url()))
        .env(Env::empty())
        .build()
        .unwrap();
    client.track().score(REQUEST, 1).await.unwrap();

    assert_eq!(server.finish()[0].line, "POST /behind/a/gate/rest/track-score");
}

/// On Linux, two environment variables set where root certificates are searched, and a process reads them
/// itself. So this test runs itself again in a child process in which they point nowhere.
#[cfg(target_os = "linux")]
#[test]
fn plain_http_works_on_a_system_without_root_certificates() {
    const CHILD: &str = "PROMPTLAYER_TEST_WITHOUT_CERTIFICATES";
    let build = |url| Client::builder().api_key(KEY).env(Env::empty()).base_url(url).build();

    if std::env::var_os(CHILD).is_some() {
        let error = build("https://api.example").unwrap_err();
        assert!(error.kind() == ErrorKind::HttpSetup, "{error:?}");
        assert!(error.to_string().contains("ca-certificates"), "{error}");
        build("http://127.0.0.1:9009").unwrap();
        return;
    }
    let module = module_path!().split_once("::").unwrap().1;
    let name = "plain_http_works_on_a_system_without_root_certificates";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{name}")])
        .envs([(CHILD, "1"), ("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("1 passed"), "{printed}");
}
