//! Tests of the list with much data: pages, long values.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{Local, chat, request_with, span};

/// Returns the target of the link with this text.
fn link(page: &str, text: &str) -> Option<String> {
    let before = page.split(&format!("{text}</a>")).next().filter(|before| before.len() < page.len())?;
    let address = before.rsplit("href=\"").next()?.split('"').next()?;
    Some(address.replace("&amp;", "&"))
}

/// Returns the ids of the requests on a list page, in order.
fn ids(page: &str) -> Vec<i64> {
    page.split("<tr data-id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
        .collect()
}

/// Logs requests with these start times.
async fn log_all(local: &Local, starts: impl Iterator<Item = i64>) {
    let spans: Vec<Value> = starts
        .map(|start| {
            let log = request_with(&json!({ "request_start_time": start }));
            span("a", &json!({ "log_request": log }))
        })
        .collect();
    assert_eq!(local.post("/spans-bulk", &json!({ "spans": spans })).await.status, 201);
}

#[tokio::test]
async fn pages_of_a_list_show_each_request_once() {
    let local = Local::start();
    // Many requests have the same start time, some are before 1970, and they do not arrive in order of start
    // time.
    log_all(&local, (0..333).map(|index| (index * 7 % 5 - 2) * 1000)).await;
    let mut address = "/".to_owned();
    let mut seen = Vec::new();
    let mut addresses = Vec::new();
    loop {
        let page = local.page(&address).await.text;
        assert!(page.contains("<dd>333</dd>"), "{address}: {page}");
        seen.extend(ids(&page));
        addresses.push(address);
        match link(&page, "Older →") {
            Some(next) => address = next,
            None => break,
        }
    }
    let mut expected: Vec<i64> = (1..=333).collect();
    expected.sort_by_key(|id| std::cmp::Reverse((((id - 1) * 7 % 5 - 2), *id)));
    assert_eq!(seen, expected);
    assert_eq!(addresses.len(), 7);

    // The newer pages contain the same requests in the other direction.
    let mut back = Vec::new();
    let mut address = addresses.pop().unwrap();
    loop {
        let page = local.page(&address).await.text;
        back.push(ids(&page));
        match link(&page, "← Newer") {
            Some(next) => address = next,
            None => break,
        }
    }
    assert_eq!(address, "/");
    let back: BTreeSet<i64> = back.concat().into_iter().collect();
    assert_eq!(back, (1..=333).collect());

    let newest = local.page("/").await.text;
    assert_eq!(link(&newest, "⇤ Newest"), None);
    let oldest = local.page(&link(&newest, "Oldest ⇥").unwrap()).await.text;
    assert_eq!(ids(&oldest), expected[283..]);
    assert_eq!((link(&oldest, "Older →"), link(&oldest, "Oldest ⇥")), (None, None));
    assert_eq!(link(&oldest, "⇤ Newest").as_deref(), Some("/"));
}

#[tokio::test]
async fn address_of_a_page_shows_the_same_when_calls_come_in() {
    let local = Local::start();
    log_all(&local, (0..120).map(|index| 1_768_473_001 + index)).await;
    let newest = local.page("/").await.text;
    let second = link(&newest, "Older →").unwrap();
    let permanent = link(&newest, "Link to these requests").unwrap();
    let (first_ids, second_ids) = (ids(&newest), ids(&local.page(&second).await.text));
    assert_eq!(ids(&local.page(&permanent).await.text), first_ids);

    log_all(&local, (0..70).map(|index| 1_768_483_001 + index)).await;
    assert_ne!(ids(&local.page("/").await.text), first_ids);
    assert_eq!(ids(&local.page(&permanent).await.text), first_ids);
    let page = local.page(&second).await.text;
    assert_eq!(ids(&page), second_ids);
    assert_eq!(ids(&local.page(&link(&page, "← Newer").unwrap()).await.text), first_ids);
}

#[tokio::test]
async fn address_past_the_end_is_an_empty_page_with_a_way_back() {
    let local = Local::start();
    log_all(&local, (0..120).map(|index| 1_768_473_001 + index)).await;
    for address in ["/?before=0_0", "/?before=-9223372036854775808_-9223372036854775808"] {
        let page = local.page(address).await;
        assert_eq!((page.status, ids(&page.text).len()), (200, 0), "{address}: {}", page.text);
        assert_eq!(link(&page.text, "Newest requests").as_deref(), Some("/"), "{address}");
        let oldest = link(&page.text, "Oldest requests").unwrap();
        assert_eq!(ids(&local.page(&oldest).await.text).last(), Some(&1), "{address}");
    }
    for address in
        ["/?before=", "/?before=x", "/?before=1", "/?before=1_x", "/?before=99999999999999999999_1"]
    {
        let page = local.page(address).await;
        assert_eq!(page.status, 404, "{address}");
        assert_eq!(link(&page.text, "All requests").as_deref(), Some("/"), "{address}");
    }
    let beyond = local.page("/?before=9223372036854775807_9223372036854775807").await.text;
    assert_eq!(ids(&beyond).len(), 50);
}

/// Returns a text of 600,000 characters.
fn long() -> String {
    "ü0123456789 ".repeat(50_000)
}

#[tokio::test]
async fn long_values_are_cut_except_the_conversation() {
    let local = Local::start();
    let long = long();
    let tags: Vec<String> = (0..200).map(|tag| format!("{tag}{}", "t".repeat(500))).collect();
    let logged = request_with(&json!({
        "function_name": long, "model": long, "provider": long, "api_type": long, "tags": tags,
        "parameters": { "p": long, "q": [long] }, "prompt_name": long,
        "prompt_input_variables": { "x": long, (&*long): 1 }, "score": 5, "score_name": long,
    }));
    let attributes =
        json!({ "node_type": long, "function_input": long, "function_output": { "x": long }, "other": long });
    let fields = json!({
        "name": long, "attributes": attributes, "status": { "status_code": "StatusCode.ERROR", "description": long },
    });
    let with_log = support::merged(fields.clone(), &json!({ "log_request": logged }));
    let spans = [span("a", &fields), span("b", &with_log)];
    let answer = local.post("/spans-bulk", &json!({ "spans": spans })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);

    for (path, most) in [
        ("/", 20_000),
        ("/requests/1", 120_000),
        ("/requests/xxx", 10_000),
        ("/traces", 20_000),
        ("/traces/trace", 20_000),
        ("/traces/trace/spans/1", 120_000),
    ] {
        let path = path.replace("xxx", &"x".repeat(20_000));
        let page = local.page(&path).await;
        assert!(page.text.len() < most, "{} bytes of {}", page.text.len(), &path[..path.len().min(20)]);
        assert!(page.text.contains('…'), "what is cut is marked");
    }
    let request = local.get("/api/public/v2/requests/1").await.json;
    assert_eq!(request["function_name"], *long, "the API has all of it");
    assert_eq!(request["tags"], json!(tags));

    // The conversation is the subject of its page, so it is shown in full.
    let id = local.log(&request_with(&json!({ "input": chat("user", &long) }))).await;
    assert!(local.page(&format!("/requests/{id}")).await.text.len() > long.len());
    assert!(local.page("/").await.text.len() < 12_000);
}

#[tokio::test]
async fn texts_with_nul_are_read_back_whole() {
    let local = Local::start();
    let odd = "k\0ey\0";
    let id = local
        .log(&request_with(&json!({
            "metadata": { (odd): odd, "k": "other" }, "tags": [odd], "score": 3, "score_name": odd,
            "function_name": odd, "parameters": { (odd): odd }, "prompt_input_variables": { (odd): odd },
        })))
        .await;
    let metadata = json!({ "request_id": id, "metadata": { "late\0r": "a\0b" } });
    assert_eq!(local.post("/rest/track-metadata", &metadata).await.status, 200);
    let request = local.get(&format!("/api/public/v2/requests/{id}")).await.json;
    assert_eq!(request["metadata"], json!({ (odd): odd, "k": "other", "late\0r": "a\0b" }));
    assert_eq!(request["tags"], json!([odd]));
    assert_eq!(request["scores"], json!({ (odd): 3 }));
    assert_eq!(request["function_name"], odd);
    assert_eq!(request["parameters"], json!({ (odd): odd }));
    assert_eq!(request["prompt_input_variables"], json!({ (odd): odd }));

    let attributes = json!({ (odd): odd, "function_input": odd });
    let fields = json!({ "name": odd, "attributes": attributes, "events": [{ "name": odd }] });
    assert_eq!(local.post("/spans-bulk", &json!({ "spans": [span("a", &fields)] })).await.status, 201);
    let stored = local.get("/api/public/v2/traces/trace").await.json["spans"][0].take();
    assert_eq!(stored["name"], odd);
    assert_eq!(stored["attributes"], attributes);
    assert_eq!(stored["events"], json!([{ "name": odd }]));

    let mut template = support::template("x");
    template["prompt_template"]["tags"] = json!([odd]);
    template["release_labels"] = json!([odd]);
    local.publish("example", template).await;
    assert_eq!(local.get("/prompt-templates/example").await.json["tags"], json!([odd]));
    let item = local.get("/prompt-templates").await.json["items"][0].take();
    assert_eq!((&item["tags"], &item["release_labels"]), (&json!([odd]), &json!([odd])));
}
