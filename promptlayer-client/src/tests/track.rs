use std::future::IntoFuture;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;
use crate::track::{Enqueue, TrackCall};
use crate::{Error, GroupId, RequestId, Score, TrackRequest};

const REQUEST: RequestId = RequestId::new(1001);

fn done() -> Reply {
    Reply::json(200, r#"{"success": true, "message": "ok"}"#)
}

#[tokio::test]
async fn score_may_have_a_name() {
    let server = Server::start([done(), done()]);
    let track = client(&server).track();
    track.score(REQUEST, 100).await.unwrap();
    track.score(REQUEST, Score::try_from(7_u8).unwrap()).name("accuracy").await.unwrap();

    let seen = server.finish();
    assert_eq!(seen[0].line, "POST /rest/track-score");
    assert_eq!(seen[0].json(), json!({"request_id": 1001, "score": 100}));
    assert_eq!(seen[1].json(), json!({"request_id": 1001, "score": 7, "name": "accuracy"}));
}

#[tokio::test]
async fn metadata_is_an_object_of_strings() {
    let server = Server::start([done()]);
    client(&server).track().metadata(REQUEST, [("foo", "bar"), ("n", "1")]).await.unwrap();

    let seen = server.finish();
    assert_eq!(seen[0].line, "POST /rest/track-metadata");
    assert_eq!(seen[0].json(), json!({"request_id": 1001, "metadata": {"foo": "bar", "n": "1"}}));
}

#[tokio::test]
async fn request_is_linked_by_version_or_by_label() {
    let server = Server::start([done(), done(), done()]);
    let track = client(&server).track();
    track.prompt(REQUEST, "example").version(1).variables([("product", "toasters")]).await.unwrap();
    track.prompt(REQUEST, "example").label("prod").variables([("count", 3)]).await.unwrap();
    track.prompt(REQUEST, "example").await.unwrap();

    let seen = server.finish();
    assert_eq!(seen[0].line, "POST /rest/track-prompt");
    assert_eq!(
        seen[0].json(),
        json!({
            "request_id": 1001,
            "prompt_name": "example",
            "prompt_input_variables": {"product": "toasters"},
            "version": 1,
        })
    );
    assert_eq!(
        seen[1].json(),
        json!({
            "request_id": 1001,
            "prompt_name": "example",
            "prompt_input_variables": {"count": 3},
            "label": "prod",
        })
    );
    assert_eq!(
        seen[2].json(),
        json!({"request_id": 1001, "prompt_name": "example", "prompt_input_variables": {}})
    );
}

#[tokio::test]
async fn group_is_created_and_a_request_added() {
    let server = Server::start([Reply::json(200, r#"{"success": true, "id": 5}"#), done()]);
    let client = client(&server);
    let group = client.groups().create().await.unwrap();
    client.track().group(REQUEST, group).await.unwrap();

    assert_eq!(group, GroupId::new(5));
    let seen = server.finish();
    assert_eq!(seen[0].line, "POST /create-group");
    assert_eq!(seen[0].json(), json!({"api_key": KEY}), "the service reads the key from there");
    assert_eq!(seen[0].header("x-api-key"), Some(KEY));
    assert_eq!(seen[1].line, "POST /rest/track-group");
    assert_eq!(seen[1].json(), json!({"request_id": 1001, "group_id": 5}));
}

#[tokio::test]
async fn invalid_input_is_an_error_and_nothing_is_sent() {
    let server = Server::start([]);
    let track = client(&server).track();
    let errors = [
        track.score(REQUEST, 101).await.unwrap_err(),
        track.score(REQUEST, -1_i64).await.unwrap_err(),
        track.score(REQUEST, 50).name(" ").await.unwrap_err(),
        track.metadata(REQUEST, [("", "x")]).await.unwrap_err(),
        track.metadata(REQUEST, [("k".repeat(1025), "x")]).await.unwrap_err(),
        track.prompt(REQUEST, "").await.unwrap_err(),
        track.prompt(REQUEST, "example").version(0).await.unwrap_err(),
        track.prompt(REQUEST, "example").version(1).label("prod").await.unwrap_err(),
    ];

    for error in &errors {
        assert!(error.is_invalid_input(), "{error:?}");
    }
    assert_eq!(errors[0].to_string(), "invalid score 101: a score is a whole number from 0 to 100");
    assert!(errors[4].to_string().len() < 300, "a long key is cut: {}", errors[4]);
    assert!(errors[7].to_string().contains("both version 1 and label `prod`"), "{}", errors[7]);
    assert!(server.finish().is_empty());
}

/// Stores what is enqueued. It is full after two calls.
#[derive(Default)]
struct Kept(Mutex<Vec<TrackCall>>);

impl Enqueue for Kept {
    fn enqueue(&self, call: TrackCall) -> Result<(), Error> {
        let mut kept = self.0.lock().unwrap();
        if kept.len() == 2 {
            return Err(crate::exporter::queue_full());
        }
        kept.push(call);
        Ok(())
    }
}

#[test]
fn bound_action_can_be_enqueued_without_a_runtime() {
    let kept = Arc::new(Kept::default());
    let queue: Arc<dyn Enqueue> = Arc::clone(&kept) as _;
    let client = Client::builder().api_key(KEY).env(Env::empty()).build().unwrap();
    let track = TrackRequest::new(client, REQUEST, queue);

    track.score(80).name("tone").enqueue().unwrap();
    track.group(GroupId::new(3)).enqueue().unwrap();
    assert!(track.metadata([("foo", "bar")]).enqueue().unwrap_err().is_queue_full());
    assert!(track.score(101).enqueue().unwrap_err().is_invalid_input());

    let kept = kept.0.lock().unwrap();
    let calls: Vec<_> =
        kept.iter().map(|call| (call.path.as_str(), String::from_utf8(call.body.clone()).unwrap())).collect();
    assert_eq!(
        calls,
        [
            ("/rest/track-score", r#"{"request_id":1001,"score":80,"name":"tone"}"#.to_owned()),
            ("/rest/track-group", r#"{"request_id":1001,"group_id":3}"#.to_owned()),
        ]
    );
}

#[tokio::test]
async fn bound_action_can_be_awaited() {
    let server = Server::start([done()]);
    let track = TrackRequest::new(client(&server), REQUEST, Arc::new(Kept::default()));
    track.prompt("example").version(1).variables([("product", "toasters")]).await.unwrap();

    assert_eq!(server.finish()[0].json()["request_id"], 1001);
}

#[tokio::test]
async fn actions_can_be_sent_between_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let server = Server::start([done()]);
    let action = is_send(client(&server).track().score(REQUEST, 1)).into_future();
    tokio::spawn(is_send(action)).await.unwrap().unwrap();
    server.finish();
}
