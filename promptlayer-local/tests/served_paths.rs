//! Tests of the list of what the server serves, of unknown paths and methods, and of the key on every path.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use promptlayer_local::Config;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Local, raw::exchange, raw::request_text};

/// Returns all methods with their paths, with `1` for every parameter.
async fn served(local: &Local) -> Vec<(Method, String)> {
    let answer = local.get("/no/such/path").await;
    assert_eq!((answer.status, &answer.json["success"]), (404, &json!(false)));
    let served = answer.json["served"].as_array().unwrap().iter();
    let parts = |row: &Value| {
        let (method, path) = row.as_str().unwrap().split_once(' ').unwrap();
        let segments = path.split('/').map(|segment| if segment.starts_with('{') { "1" } else { segment });
        (method.parse().unwrap(), segments.collect::<Vec<_>>().join("/"))
    };
    served.map(parts).collect()
}

#[tokio::test]
async fn unknown_path_names_what_is_served() {
    let local = Local::start();
    let answer = local.post("/workflows/1/run", &json!({})).await;
    assert_eq!(answer.status, 404);
    let message = answer.json["message"].as_str().unwrap();
    assert!(message.contains("does not serve POST /workflows/1/run"), "{message}");
    let served = answer.json["served"].as_array().unwrap();
    for row in [
        "POST /track-request",
        "PATCH /prompt-labels/{prompt_label_id}",
        "GET /prompt-templates/{identifier}",
    ] {
        assert!(served.contains(&json!(row)), "{row}");
    }
}

#[tokio::test]
async fn every_listed_method_is_served_and_others_are_405() {
    let local = Local::start();
    let served = served(&local).await;
    assert!(served.len() > 25, "{}", served.len());
    for (_, path) in &served {
        let mut allowed = Vec::new();
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = local.change(method.clone(), path, &json!({})).await;
            if answer.status == 405 {
                let listed: Vec<&str> =
                    served.iter().filter(|row| row.1 == *path).map(|row| row.0.as_str()).collect();
                let named: Vec<&str> =
                    answer.allow.split(',').map(str::trim).filter(|method| *method != "HEAD").collect();
                assert_eq!(named, listed, "{method} {path}");
                let message = answer.json["message"].as_str().unwrap();
                assert!(listed.iter().all(|method| message.contains(method)), "{message}");
            } else {
                assert_eq!(answer.json.get("served"), None, "{method} {path}");
                allowed.push(method);
            }
        }
        for method in &allowed {
            assert!(served.contains(&(method.clone(), path.clone())), "{method} {path} is not listed");
        }
    }
}

#[tokio::test]
async fn every_path_needs_the_key() {
    let local = Local::with(Config::default().api_key("secret"));
    let open = Local::start();
    for (method, path) in served(&open).await {
        for body in
            ["", "{}", r#"{"api_key":"wrong"}"#, r#"{"api_key":1}"#, r#"{"api_key":"secret","api_key":"x"}"#]
        {
            for content_type in ["application/json", "text/plain"] {
                let length = body.len().to_string();
                let headers = [
                    ("Host", "localhost"),
                    ("Content-Type", content_type),
                    ("Content-Length", length.as_str()),
                ];
                let reply = exchange(&local.server, &request_text(method.as_str(), &path, &headers, body));
                assert_eq!(reply.status, 401, "{method} {path} with {body:?}: {}", reply.text);
            }
        }
        let headers = [("Host", "localhost"), ("X-API-KEY", "wrong"), ("Content-Length", "20")];
        let body = r#"{"api_key":"secret"}"#;
        let reply = exchange(&local.server, &request_text(method.as_str(), &path, &headers, body));
        assert_eq!(reply.status, 401, "{method} {path}: the header counts");
    }
}
