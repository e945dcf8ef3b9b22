use futures_core::Stream;
use serde_json::{Value, json};

use super::*;
use crate::blueprint::CompletionPrompt;
use crate::{ErrorKind, Method, RequestId};

fn retrying(server: &Server) -> Client {
    Client::builder().api_key(KEY).base_url(server.url()).retries(3).env(Env::empty()).build().unwrap()
}

fn at_once(status: u16) -> Reply {
    Reply::with_headers(status, "retry-after: 0\r\n", r#"{"error": "not now"}"#)
}

#[tokio::test]
async fn read_is_repeated_until_it_succeeds() {
    let template = r#"{"id": 1, "prompt_name": "x", "version": 1,
        "prompt_template": {"type": "completion", "content": []}}"#;
    let server = Server::start([at_once(500), at_once(429), at_once(503), Reply::json(200, template)]);
    let template = retrying(&server).templates().get("x").await.unwrap();

    assert_eq!(template.name, "x");
    let lines = server.finish().into_iter().map(|seen| seen.line).collect::<Vec<_>>();
    assert_eq!(lines, ["GET /prompt-templates/x"; 4]);
}

#[tokio::test]
async fn error_after_the_last_attempt_says_how_many_there_were() {
    let server = Server::start((0..4).map(|_| at_once(503)));
    let error = retrying(&server).templates().get("x").await.unwrap_err();

    assert_eq!(server.finish().len(), 4);
    assert_eq!(
        error.to_string(),
        "GET /prompt-templates/x (4 attempts) was answered with status 503: {\"error\": \"not now\"}"
    );
}

#[tokio::test]
async fn publish_is_not_repeated_where_it_may_have_been_processed() {
    for reply in [at_once(500), at_once(503), Reply::Bytes(Vec::new())] {
        let server = Server::start([reply]);
        let publish = retrying(&server).templates().publish("x", CompletionPrompt::new("y"));
        publish.await.unwrap_err();
        assert_eq!(server.finish().len(), 1);
    }
}

#[tokio::test]
async fn publish_is_repeated_after_status_429() {
    let published = json!({"id": 1, "prompt_name": "x", "prompt_version_id": 2, "version_number": 3});
    let server = Server::start([at_once(429), Reply::json(200, &published.to_string())]);
    let published = retrying(&server).templates().publish("x", CompletionPrompt::new("y")).await.unwrap();

    assert_eq!(published.version, 3);
    assert_eq!(server.finish().len(), 2);
}

#[tokio::test]
async fn score_is_repeated_because_it_replaces_itself() {
    let server = Server::start([at_once(500), Reply::json(200, r#"{"success": true}"#)]);
    retrying(&server).track().score(RequestId::new(1), 50).await.unwrap();

    assert_eq!(server.finish().len(), 2);
}

#[tokio::test]
async fn wait_longer_than_30_seconds_is_left_to_the_caller() {
    let server = Server::start([Reply::with_headers(429, "retry-after: 31\r\n", "")]);
    let error = retrying(&server).templates().get("x").await.unwrap_err();

    assert_eq!(error.retry_after(), Some(Duration::from_secs(31)));
    assert_eq!(server.finish().len(), 1);
}

#[tokio::test]
async fn repeated_delete_accepts_that_the_first_one_deleted() {
    let server = Server::start([at_once(500), Reply::json(404, "{}")]);
    let deleted = retrying(&server).request(Method::DELETE, "/prompt-labels/7").await.unwrap();
    assert_eq!(deleted, Value::Null);
    server.finish();

    let server = Server::start([at_once(429), Reply::json(404, "{}")]);
    let error = retrying(&server).request(Method::DELETE, "/prompt-labels/7").await.unwrap_err();
    assert!(error.is_not_found(), "status 429 says that nothing was deleted");
    server.finish();
}

#[tokio::test]
async fn any_path_can_be_called() {
    let server = Server::start([at_once(500), Reply::json(200, r#"{"items": [1]}"#), Reply::json(204, "")]);
    let client = retrying(&server);
    let body = json!({"name": "é"});
    let request = client.request(Method::POST, "/api/public/v2/folders").query([("a b", "c&d")]).json(&body);
    assert_eq!(request.idempotent().await.unwrap(), json!({"items": [1]}));
    assert_eq!(client.request(Method::DELETE, "/reports/1").await.unwrap(), Value::Null);

    let seen = server.finish();
    assert_eq!(seen[1].line, "POST /api/public/v2/folders?a%20b=c%26d");
    assert_eq!(seen[1].json(), body);
    assert_eq!(seen[1].header("x-api-key"), Some(KEY));
    assert_eq!(seen[2].line, "DELETE /reports/1");
}

#[tokio::test]
async fn path_that_leaves_the_base_url_is_refused() {
    let server = Server::start([]);
    let client = retrying(&server);
    let paths = [
        "",
        "reports",
        "@elsewhere.example/",
        "/a?b=c",
        "/a#b",
        "/a/../b",
        "/a/..",
        "/%2E%2e/b",
        "/./b",
        "/a\\..\\b",
        "/a b",
        "/a\n",
    ];
    for path in paths {
        let error = client.request(Method::GET, path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path}");
    }
    assert!(server.finish().is_empty());
}

fn page(number: u32, next: Option<u32>) -> Reply {
    let item = json!({"id": number, "prompt_name": format!("t{number}"),
        "prompt_template": {"type": "completion", "content": []}});
    let page = json!({"items": [item], "page": number, "pages": 3, "total": 3, "next_num": next});
    Reply::json(200, &page.to_string())
}

#[tokio::test]
async fn pages_are_read_one_after_the_other() {
    let server = Server::start([page(1, Some(2)), page(2, Some(3)), page(3, None)]);
    let all = retrying(&server).templates().list().label("prod").pages().all().await.unwrap();

    let names = all.into_iter().map(|template| template.name).collect::<Vec<_>>();
    assert_eq!(names, ["t1", "t2", "t3"]);
    let lines = server.finish().into_iter().map(|seen| seen.line).collect::<Vec<_>>();
    let line = |query| format!("GET /prompt-templates?label=prod{query}");
    assert_eq!(lines, [line(""), line("&page=2"), line("&page=3")]);
}

#[tokio::test]
async fn pages_end_after_an_error() {
    let server = Server::start([page(1, Some(2)), Reply::json(401, "{}")]);
    let mut pages = retrying(&server).templates().list().pages();
    assert_eq!(pages.next().await.unwrap().unwrap().name, "t1");
    assert!(pages.next().await.unwrap().unwrap_err().is_unauthorized());
    let mut pages = std::pin::pin!(pages);
    assert!(std::future::poll_fn(|cx| pages.as_mut().poll_next(cx)).await.is_none());
    server.finish();
}
