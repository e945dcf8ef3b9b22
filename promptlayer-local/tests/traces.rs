//! Tests of the list of traces, of the page of a trace, and of the page of a span.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use std::collections::BTreeSet;

use promptlayer_local::Config;
use serde_json::{Value, json};
use support::{Local, merged, request_with, span};

const START: i64 = 1_768_473_001_000_000_000;
const MS: i64 = 1_000_000;

/// Returns a span of a trace that lasts from `begin` to `end` milliseconds after an arbitrary time.
fn timed(trace: &str, id: &str, parent: Option<&str>, (begin, end): (i64, i64), fields: &Value) -> Value {
    let own = json!({
        "name": id,
        "context": { "trace_id": trace, "span_id": id, "trace_state": "" },
        "parent_id": parent,
        "start_time": START + begin * MS,
        "end_time": START + end * MS,
    });
    merged(span(id, &own), fields)
}

/// Returns the fields of a span that failed.
fn failed(description: &str) -> Value {
    json!({ "status": { "status_code": "StatusCode.ERROR", "description": description } })
}

async fn send(local: &Local, spans: &[Value]) {
    let answer = local.post("/spans-bulk", &json!({ "spans": spans })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

/// Returns the target of the link with this text.
fn link(page: &str, text: &str) -> Option<String> {
    let before = page.split(&format!("{text}</a>")).next().filter(|before| before.len() < page.len())?;
    let address = before.rsplit("href=\"").next()?.split('"').next()?;
    Some(address.replace("&amp;", "&").replace("&#38;", "&"))
}

/// Returns the names of the traces on a list page, in order.
fn names(page: &str) -> Vec<&str> {
    page.split("data-open title=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// Returns the line of a span in the waterfall.
fn line<'p>(page: &'p str, name: &str) -> &'p str {
    let at =
        page.find(&format!(" data-open>{name}</a>")).unwrap_or_else(|| panic!("{name} is not in {page}"));
    let begin = page[..at].rfind("<tr ").unwrap();
    &page[begin..at + page[at..].find("</svg>").unwrap()]
}

/// Returns the names of the spans of the waterfall, in order.
fn lines(page: &str) -> Vec<&str> {
    let rows = page.split("<tr data-id=").skip(1);
    rows.map(|row| row.split(" data-open>").nth(1).unwrap().split('<').next().unwrap()).collect()
}

/// Returns the CSS classes of a line.
fn classes(line: &str) -> BTreeSet<&str> {
    line.split("class=\"").nth(1).unwrap().split('"').next().unwrap().split(' ').collect()
}

/// Sends a trace with a failed tool two levels below the root, and with requests.
async fn send_agent(local: &Local) {
    let log = |tokens: i64, price: f64| {
        let metadata = json!({ "time_to_first_chunk_ms": "100" });
        json!({ "log_request": request_with(&json!({
            "input_tokens": tokens, "output_tokens": 5, "price": price, "metadata": metadata,
            "request_start_time": null, "request_end_time": null,
        })) })
    };
    let spans = [
        timed("agent", "root", None, (0, 1000), &json!({ "kind": "SpanKind.SERVER" })),
        timed("agent", "plan", Some("root"), (10, 410), &log(1000, 0.5)),
        timed("agent", "act", Some("root"), (420, 900), &json!({ "attributes": { "node_type": "CHAIN" } })),
        timed("agent", "search", Some("act"), (430, 600), &failed("no network")),
        timed("agent", "beside", Some("act"), (430, 500), &json!({})),
        timed("agent", "answer", Some("act"), (610, 890), &log(2000, 0.25)),
    ];
    send(local, &spans).await;
}

#[tokio::test]
async fn empty_list_shows_a_command_that_works() {
    let local = Local::start();
    let page = local.page("/traces").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("No traces yet"), "{}", page.text);
    let by_hand = page.text.split("-d '").nth(1).unwrap().split('\'').next().unwrap();
    let answer = local.post("/spans-bulk", &serde_json::from_str(by_hand).unwrap()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(names(&local.page("/traces").await.text), ["answer"]);
}

#[tokio::test]
async fn list_shows_each_trace_newest_first() {
    let local = Local::start();
    send_agent(&local).await;
    let page = local.page("/traces").await.text;
    let row = page.split("<tr data-id=").nth(1).unwrap();
    for shown in [
        "href=\"/traces/agent\" data-open",
        ">root<",
        ">test<",
        "2026-01-15 10:30:01",
        ">1.00 s<",
        "<td class=\"spans number\">6<",
        "<td class=\"calls number\">2<",
        "<td class=\"errors number\">1<",
        "3,000 / 10",
        "$0.750",
        "<span class=\"pill warning\">Errors inside<",
    ] {
        assert!(row.contains(shown), "{shown} is not in {row}");
    }
    // A trace that failed before its first request is a trace too.
    send(&local, &[timed("early", "broken", None, (5000, 5001), &failed("no key"))]).await;
    let page = local.page("/traces").await.text;
    assert_eq!(names(&page), ["broken", "root"]);
    assert!(page.contains("<span class=\"pill error\">Error<"), "{page}");
    assert!(page.contains("data-live=\"true\""), "{page}");
    let nav = "<a href=\"/\">Requests</a><a href=\"/traces\" aria-current=\"page\">Traces</a>";
    assert!(page.contains(nav), "{page}");
    assert!(local.page("/traces/early").await.text.contains("no key"));
}

#[tokio::test]
async fn root_that_arrives_last_names_the_trace() {
    let local = Local::start();
    let of = |service: &str| json!({ "resource": { "attributes": { "service.name": service }, "schema_url": "" } });
    send(&local, &[timed("t", "inner", Some("middle"), (200, 300), &of("worker"))]).await;
    send(&local, &[timed("t", "middle", Some("root"), (100, 400), &of("worker"))]).await;
    let page = local.page("/traces").await.text;
    assert_eq!(names(&page), ["middle"]);
    assert!(page.contains(">worker<") && page.contains(">300 ms<"), "{page}");

    send(&local, &[timed("t", "root", None, (150, 160), &of("web"))]).await;
    // A later span without a parent does not replace the first one.
    send(&local, &[timed("t", "second root", None, (160, 500), &of("other"))]).await;
    let page = local.page("/traces").await.text;
    assert_eq!(names(&page), ["root"]);
    assert!(page.contains(">web<") && page.contains(">400 ms<"), "{page}");
    assert!(page.contains("<td class=\"spans number\">4<"), "{page}");
}

#[tokio::test]
async fn filters_are_in_the_address() {
    let local = Local::start();
    send_agent(&local).await;
    send(&local, &[timed("other", "second", None, (2000, 2001), &json!({}))]).await;
    send(&local, &[timed("third", "third", None, (60_000, 60_001), &failed("x"))]).await;
    for (query, expected) in [
        ("", &["third", "second", "root"][..]),
        ("?q=ANSW", &["root"]),
        ("?q=second", &["second"]),
        ("?q=%25", &[]),
        ("?q=r", &["third", "root"]),
        ("?status=error", &["third", "root"]),
        ("?status=success", &["second"]),
        ("?q=r&status=error&until=2026-01-15T10:30:30", &["root"]),
        ("?since=2026-01-15T10:30:02", &["third", "second"]),
        ("?since=2026-01-15T10:30:02&until=2026-01-15T10:31", &["second"]),
        ("?when=1h", &[]),
        ("?zone=60&since=2026-01-15T11:31", &["third"]),
    ] {
        let page = local.page(&format!("/traces{query}")).await;
        assert_eq!((page.status, names(&page.text)), (200, expected.to_vec()), "{query}");
    }
    let page = local.page("/traces?q=act&status=error").await.text;
    assert!(page.contains("value=\"act\"") && page.contains("value=\"error\" selected"), "{page}");
    assert!(page.contains("href=\"/traces?status=error\""), "a chip removes one filter: {page}");
    assert!(local.page("/traces?q=nothing").await.text.contains("No trace fulfills all filters"));
    let odd = local.page("/traces?status=odd&since=soon").await.text;
    assert_eq!(odd.matches("was not applied").count(), 2, "{odd}");
    assert_eq!(names(&odd).len(), 3);
}

#[tokio::test]
async fn pages_of_the_list_show_each_trace_once() {
    let local = Local::start();
    let trace = |index: i64| {
        let name = format!("t{index:03}");
        // Several traces start at the same time.
        timed(&name, &name, None, (index / 4, 1000), &json!({}))
    };
    send(&local, &(0..120).map(trace).collect::<Vec<_>>()).await;
    let expected: Vec<String> = (0..120).rev().map(|index| format!("t{index:03}")).collect();
    let (mut address, mut seen, mut addresses) = ("/traces".to_owned(), Vec::new(), Vec::new());
    loop {
        let page = local.page(&address).await.text;
        assert!(page.contains("<dd>120</dd>"), "{page}");
        seen.extend(names(&page).into_iter().map(str::to_owned));
        assert_eq!(page.contains("data-live=\"true\""), address == "/traces");
        addresses.push(address);
        match link(&page, "Older →") {
            Some(next) => address = next,
            None => break,
        }
    }
    assert_eq!((seen, addresses.len()), (expected.clone(), 3));

    let newest = local.page("/traces").await.text;
    let permanent = link(&newest, "Link to these traces").unwrap();
    let oldest = local.page(&link(&newest, "Oldest ⇥").unwrap()).await.text;
    assert_eq!(names(&oldest), expected[70..]);
    assert_eq!(link(&oldest, "⇤ Newest").as_deref(), Some("/traces"));
    let middle = local.page(&link(&oldest, "← Newer").unwrap()).await.text;
    assert_eq!(names(&middle), expected[20..70]);

    send(&local, &(200..260).map(trace).collect::<Vec<_>>()).await;
    assert_eq!(names(&local.page(&permanent).await.text), expected[..50], "the same traces");
    let filtered = local.page("/traces?q=t0").await.text;
    let next = local.page(&link(&filtered, "Older →").unwrap()).await.text;
    assert_eq!(names(&next), expected[70..], "{next}");

    for address in ["/traces?before=", "/traces?before=x", "/traces?before=1_x"] {
        assert_eq!(local.page(address).await.status, 404, "{address}");
    }
    let beyond = local.page("/traces?before=0_0").await;
    assert!(beyond.status == 200 && beyond.text.contains("No traces here"), "{}", beyond.text);
}

#[tokio::test]
async fn trace_is_a_tree_with_the_selected_span_marked() {
    let local = Local::start();
    let log = json!({ "log_request": request_with(&json!({})) });
    let spans = [
        timed("t", "agent", None, (0, 100), &json!({ "attributes": { "node_type": "AGENT" } })),
        timed("t", "first", Some("agent"), (1, 50), &log),
        timed("t", "second", Some("first"), (2, 40), &log),
    ];
    send(&local, &spans).await;
    let request = local.page("/requests/1").await.text;
    assert!(
        request.contains("Trace: <a href=\"/traces/t?span=2#selected\">3 spans, 100 ms</a>"),
        "{request}"
    );
    assert!(request.contains("below <a href=\"/traces/t?span=1#selected\">agent</a>"), "{request}");
    let above = local.page("/requests/2").await.text;
    let chain = [
        "<a href=\"/traces/t?span=1#selected\">agent</a>",
        "<a href=\"/traces/t?span=2#selected\">first</a>",
    ];
    let positions = chain.map(|name| above.find(name).unwrap());
    assert!(positions.is_sorted(), "{above}");

    let page = local.page("/traces/t?span=2").await.text;
    assert_eq!(lines(&page), ["agent", "first", "second"]);
    for (name, depth) in [("agent", "d0"), ("first", "d1"), ("second", "d2")] {
        assert!(classes(line(&page, name)).contains(depth), "{page}");
    }
    let first = line(&page, "first");
    assert!(first.contains("id=\"selected\" aria-current=\"true\""), "{first}");
    assert!(classes(first).contains("current") && !classes(line(&page, "second")).contains("current"));
    assert!(first.contains("<a class=\"label\" href=\"/requests/1\">request 1</a>"), "{first}");
    assert!(first.contains("href=\"/traces/t/spans/2\""), "{first}");
    assert!(line(&page, "agent").contains("<i>AGENT</i>"), "{page}");
    assert_eq!(page.matches("data-below").count(), 2);
    assert!(line(&page, "agent").contains("data-below=\"2\""), "{page}");
}

#[tokio::test]
async fn errors_are_marked_up_to_the_root() {
    let local = Local::start();
    send_agent(&local).await;
    let page = local.page("/traces/agent").await.text;
    for (name, own, below) in [
        ("root", false, true),
        ("plan", false, false),
        ("act", false, true),
        ("search", true, false),
        ("answer", false, false),
    ] {
        let line = line(&page, name);
        assert_eq!(line.contains(">Error<"), own, "{line}");
        assert_eq!(classes(line).contains("failed"), own, "{line}");
        assert_eq!(line.contains("error below"), below, "{line}");
    }
    assert!(line(&page, "search").contains("<span>no network</span>"), "{page}");
    assert!(page.contains("<dd class=\"bad\">1</dd>"), "{page}");

    // A request that failed counts, although its span did not.
    let log = json!({ "log_request": request_with(&json!({ "status": "ERROR" })) });
    send(
        &local,
        &[timed("x", "top", None, (0, 9), &json!({})), timed("x", "call", Some("top"), (1, 8), &log)],
    )
    .await;
    let page = local.page("/traces/x").await.text;
    assert!(line(&page, "top").contains("error below") && line(&page, "call").contains(">Error<"), "{page}");
    assert_eq!(names(&local.page("/traces?status=error").await.text).len(), 2);
}

#[tokio::test]
async fn lines_have_sums_bars_and_the_critical_path() {
    let local = Local::start();
    send_agent(&local).await;
    let page = local.page("/traces/agent").await.text;
    for (name, tokens, cost, bar) in [
        ("root", "3,010", "$0.750", "x=\"0%\" width=\"100%\""),
        ("plan", "1,005", "$0.500", "x=\"1%\" width=\"40%\""),
        ("act", "2,005", "$0.250", "x=\"42%\" width=\"48%\""),
        ("answer", "2,005", "$0.250", "x=\"61%\" width=\"28%\""),
        ("search", "", "", "x=\"43%\" width=\"17%\""),
    ] {
        let line = line(&page, name);
        assert!(line.contains(&format!("<td>{tokens}<td>{cost}<td>")), "{line}");
        assert!(line.contains(bar), "{line}");
        assert!(classes(line).contains("critical"), "{line}");
    }
    assert!(!classes(line(&page, "beside")).contains("critical"));
    // 100 ms after the start of the span.
    assert!(line(&page, "plan").contains("class=\"token\" x=\"11%\""), "{page}");
    assert!(line(&page, "answer").contains("class=\"token\" x=\"71%\""), "{page}");
    assert_eq!(page.matches("class=\"token\"").count(), 2);
    assert!(line(&page, "root").contains("<i>server</i>") && line(&page, "act").contains("<i>CHAIN</i>"));
    for label in [">0<", ">200 ms<", ">800 ms<", ">1 s<"] {
        assert!(page.contains(label), "{label} is not on the axis of {page}");
    }
    assert!(!page.contains("style="), "the policy forbids inline styles");
}

#[tokio::test]
async fn only_errors_or_requests_are_shown_with_what_is_above() {
    let local = Local::start();
    send_agent(&local).await;
    let page = local.page("/traces/agent").await.text;
    let errors = link(&page, "Errors <span class=\"faint\">1</span>").unwrap();
    assert_eq!(errors, "/traces/agent?show=errors");
    assert_eq!(lines(&local.page(&errors).await.text), ["root", "act", "search"]);
    let requests = local.page("/traces/agent?show=requests").await.text;
    assert_eq!(lines(&requests), ["root", "plan", "act", "answer"]);
    assert!(requests.contains("href=\"/traces/agent?show=requests\" aria-current=\"true\""), "{requests}");
    assert_eq!(lines(&local.page("/traces/agent?show=odd").await.text).len(), 6);

    send(&local, &[timed("fine", "fine", None, (0, 1), &json!({}))]).await;
    let none = local.page("/traces/fine?show=errors").await.text;
    assert!(lines(&none).is_empty() && none.contains("No span of this trace matches."), "{none}");
}

#[tokio::test]
async fn span_page_shows_every_field() {
    let local = Local::start();
    let attributes = json!({
        "node_type": "TOOL", "function_input": "{\"city\":{\"name\":\"Oslo\"}}", "function_output": "done",
        "nested": { "a": [1, { "b": "c" }] }, "number": 12.5, "http.route": "/x",
    });
    let event = json!({ "name": "exception", "timestamp": START + 20 * MS, "attributes": {
        "exception.type": "ValueError", "exception.message": "bad city",
        "exception.stacktrace": "Traceback:\n  line 1", "attempt": 2,
    } });
    let links = json!([
        { "context": { "trace_id": "other", "span_id": "77" }, "attributes": { "reason": "retry" } },
        { "trace_id": "missing", "span_id": "88" },
    ]);
    let fields = json!({
        "kind": "SpanKind.CLIENT", "attributes": attributes, "events": [event, { "name": "odd", "timestamp": "soon" }],
        "links": links,
        "resource": { "attributes": { "service.name": "web", "service.version": "1.2" }, "schema_url": "https://s" },
        "log_request": request_with(&json!({})),
        "status": { "status_code": "StatusCode.ERROR", "description": "it failed" },
    });
    let mut tool = timed("t", "tool", Some("root"), (10, 60), &fields);
    tool["context"]["trace_state"] = json!("vendor=1");
    send(&local, &[timed("t", "root", None, (0, 100), &json!({})), tool]).await;
    send(&local, &[timed("other", "elsewhere", None, (0, 1), &json!({}))]).await;

    let page = local.page("/traces/t/spans/2").await;
    assert_eq!(page.status, 200);
    let panel = page.text.split("<section id=\"panel\"").nth(1).unwrap();
    for shown in [
        ">tool<",
        ">TOOL<",
        ">CLIENT<",
        ">Error<",
        "it failed",
        "50.0 ms",
        "2026-01-15 10:30:01",
        "vendor=1",
        "href=\"/requests/1\"",
        "<a href=\"/traces/t/spans/1\" data-span>root</a>",
        "<code>t</code>",
        "ValueError: bad city",
        "<pre>Traceback:\n  line 1</pre>",
        "+10.0 ms",
        ">attempt<",
        ">soon<",
        "&#34;city&#34;: {\n    &#34;name&#34;: &#34;Oslo&#34;",
        "<pre data-copy>done</pre>",
        "<pre>{\n  &#34;a&#34;: [\n    1,\n    {\n      &#34;b&#34;: &#34;c&#34;",
        "<dd>12.5</dd>",
        "http.route",
        "<a href=\"/traces/other\">other</a>",
        "<code>missing</code>",
        ">retry<",
        "service.version",
        "https://s",
    ] {
        assert!(panel.contains(shown), "{shown} is not in {panel}");
    }
    assert!(!panel.contains("exception."), "an exception is shown as such: {panel}");
    assert!(page.text.contains("href=\"/traces/t?span=2#selected\""), "{}", page.text);
    for path in ["/traces/t/spans/3", "/traces/other/spans/2", "/traces/t/spans/x", "/traces/none/spans/1"] {
        let page = local.page(path).await;
        assert!(page.status == 404 && page.text.contains("<h1>Not found</h1>"), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn content_of_spans_is_only_on_their_pages() {
    let local = Local::start();
    let long = "word ".repeat(20_000);
    let attributes =
        json!({ "function_input": long, "function_output": "secret output", "other": "secret attribute" });
    let fields = json!({ "attributes": attributes, "events": [{ "name": "secret event" }] });
    let fields = merged(fields, &failed("it failed"));
    send(&local, &[timed("t", "root", None, (0, 1), &fields)]).await;
    let page = local.page("/traces/t").await.text;
    assert!(!page.contains("secret") && page.len() < 10_000, "{page}");
    let panel = local.page("/traces/t/spans/1").await.text;
    assert_eq!(panel.matches("secret").count(), 3, "{panel}");
    assert!(panel.contains("… (100,000 bytes in all)") && panel.len() < 40_000, "{}", panel.len());
}

#[tokio::test]
async fn hostile_content_is_escaped_and_cut() {
    let local = Local::start();
    let evil = "<script>alert('x')</script>\"'&\u{202e}\0";
    let long = format!("{evil}{}", "x".repeat(2_000_000));
    let event = json!({ "name": evil, "timestamp": evil, evil: evil, "attributes": {
        evil: evil, "exception.type": evil, "exception.message": long, "exception.stacktrace": long,
    } });
    let links = [
        json!({ "context": { "trace_id": evil, "span_id": evil }, "attributes": { evil: [evil] } }),
        json!({ "trace_id": "javascript:alert(1)", "span_id": [], "context": 1, "attributes": null }),
        json!({}),
    ];
    let attributes =
        json!({ "node_type": evil, "function_input": long, "function_output": { evil: evil }, evil: long });
    for trace in [evil, "javascript:alert(1)"] {
        let fields = json!({
            "name": long, "parent_id": evil, "attributes": attributes, "events": [event, {}], "links": links,
            "resource": { "attributes": { "service.name": long, evil: evil }, "schema_url": evil },
            "context": { "trace_id": trace, "span_id": evil, "trace_state": evil },
            "status": { "status_code": "StatusCode.ERROR", "description": long },
            "log_request": request_with(&json!({ "function_name": evil })),
        });
        send(&local, &[span("a", &fields), span("b", &fields)]).await;
    }
    let list = local.page("/traces").await;
    let address = list.text.split("href=\"").find(|rest| rest.starts_with("/traces/%3C")).unwrap();
    let trace = address.split('"').next().unwrap().to_owned();
    let paths = ["/traces".to_owned(), trace.clone(), format!("{trace}/spans/1"), "/requests/1".to_owned()];
    for path in &paths {
        let page = local.page(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        let own = ["<script src=\"/script.js\" defer></script>", "<script src=\"/trace.js\" defer></script>"];
        let logged = own.iter().fold(page.text.clone(), |text, script| text.replacen(script, "", 1));
        assert!(!logged.contains("<script") && !logged.contains("alert('x')"), "{path}: {logged}");
        assert!(!logged.contains("href=\"javascript:"), "{path}: {logged}");
        assert!(logged.contains("&#60;script"), "{path} shows the text: {logged}");
        assert!(logged.len() < 150_000, "{path}: {} bytes", logged.len());
        assert!(page.policy.contains("default-src 'none'"), "{}", page.policy);
    }
    let page = local.page("/traces/javascript%3Aalert%281%29").await;
    assert!(page.status == 200 && lines(&page.text).len() == 2, "{}", page.text);
}

#[tokio::test]
async fn odd_trace_ids_have_pages() {
    let local = Local::start();
    for id in ["a/b", "a?b#c", "%41", "ü 東京", "with\0nul", "..x", "\"quoted\"", "+"] {
        send(&local, &[timed(id, "root", None, (0, 1), &json!({ "name": "odd one" }))]).await;
        let list = local.page("/traces").await.text;
        let address = link(&list, "odd one").unwrap();
        let page = local.page(&address).await;
        assert!(page.status == 200 && lines(&page.text) == ["odd one"], "{id}: {address}: {}", page.text);
        let panel = local.page(&link(&page.text, "odd one").unwrap()).await;
        assert!(panel.status == 200 && panel.text.contains("id=\"panel\""), "{id}: {}", panel.text);
    }
    // No address can hold these.
    let long = "x".repeat(100_000);
    for id in ["", &long] {
        send(&local, &[timed(id, "root", None, (9, 10), &json!({ "name": "not linked" }))]).await;
    }
    let list = local.page("/traces").await.text;
    assert_eq!(list.matches("not linked").count(), 2, "{list}");
    assert_eq!(link(&list, "not linked"), None);
    assert!(list.len() < 30_000, "{}", list.len());
}

#[tokio::test]
async fn request_beyond_the_first_part_is_found_from_its_page() {
    let local = Local::start();
    let mut spans = vec![
        timed("t", "the root", None, (0, 9000), &json!({})),
        timed("t", "the agent", Some("the root"), (1, 8999), &json!({})),
    ];
    spans.extend((2..6501).map(|index| {
        let log = (index == 6490).then(|| request_with(&json!({ "function_name": "the late one" })));
        timed(
            "t",
            &format!("step {index}."),
            Some("the agent"),
            (index, index + 1),
            &json!({ "log_request": log }),
        )
    }));
    send(&local, &spans).await;

    let request = local.page("/requests/1").await.text;
    let address = link(&request, "6,501 spans, 9.00 s").unwrap();
    let page = local.page(address.split('#').next().unwrap()).await.text;
    assert!(line(&page, "step 6490.").contains("id=\"selected\" aria-current=\"true\""), "{page}");
    let shown = lines(&page);
    assert_eq!(shown[..3], ["the root", "the agent", "step 5000."]);
    assert_eq!(shown.len(), 1503);
    assert!(classes(line(&page, "the agent")).contains("above"));
    assert!(page.contains("Spans 5,001–6,501 of 6,501") && !page.contains("step 4999."));
    assert_eq!(link(&page, "Later spans →"), None);

    let earlier = local.page(&link(&page, "← Earlier spans").unwrap()).await.text;
    assert!(earlier.contains("Spans 1–5,000 of 6,501") && earlier.contains("step 4999."));
    assert!(!earlier.contains("id=\"selected\""));
    assert_eq!(lines(&earlier).len(), 5000);
    assert_eq!(link(&earlier, "To the selected span").as_deref(), Some("/traces/t?span=6491#selected"));
    assert_eq!(link(&earlier, "Later spans →").as_deref(), Some("/traces/t?part=2&span=6491"));

    let beyond = local.page("/traces/t?part=99").await;
    assert!(beyond.status == 200 && beyond.text.contains("No spans here"), "{}", beyond.text);
    assert_eq!(link(&beyond.text, "← Earlier spans").as_deref(), Some("/traces/t?part=2"));
    assert!(local.page("/traces/t?show=requests").await.text.contains("step 6490."));
}

#[tokio::test]
async fn cycles_and_missing_parents_are_shown() {
    let local = Local::start();
    let spans = [
        timed("t", "a", Some("b"), (0, 10), &json!({})),
        timed("t", "b", Some("a"), (1, 9), &failed("x")),
        timed("t", "self", Some("self"), (2, 8), &json!({})),
        timed("t", "orphan", Some("missing"), (3, 7), &json!({})),
        timed("t", "below orphan", Some("orphan"), (4, 6), &json!({})),
    ];
    send(&local, &spans).await;
    let page = local.page("/traces/t").await.text;
    let mut shown = lines(&page);
    assert_eq!(shown.len(), 5);
    shown.sort_unstable();
    assert_eq!(shown, ["a", "b", "below orphan", "orphan", "self"]);
    assert!(classes(line(&page, "below orphan")).contains("d1"));
    for row in 1..=5 {
        assert_eq!(local.page(&format!("/traces/t/spans/{row}")).await.status, 200, "{row}");
    }
    assert_eq!(names(&local.page("/traces").await.text), ["a"]);
}

#[tokio::test]
async fn request_that_was_logged_before_its_span_counts() {
    let local = Local::start();
    let body = json!({
        "function_name": "openai.chat.completions.create", "provider_type": "openai", "args": [],
        "kwargs": { "model": "gpt-4o", "messages": [{ "role": "user", "content": "Hi" }] },
        "request_response": { "choices": [{ "message": { "role": "assistant", "content": "Hello" } }],
            "usage": { "prompt_tokens": 1200, "completion_tokens": 34 } },
        "request_start_time": 1_768_473_001, "request_end_time": 1_768_473_002, "tags": [], "span_id": "call",
    });
    let answer = local.post("/track-request", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    send(&local, &[timed("t", "call", Some("top"), (1, 9), &json!({}))]).await;
    send(&local, &[timed("t", "top", None, (0, 10), &json!({}))]).await;
    let list = local.page("/traces").await.text;
    assert!(list.contains("<td class=\"calls number\">1<") && list.contains("1,200 / 34"), "{list}");
    let page = local.page("/traces/t").await.text;
    assert!(line(&page, "top").contains("<td>1,234<td>"), "{page}");
}

#[tokio::test]
async fn extreme_times_are_shown() {
    let local = Local::start();
    let fields = |start: i64, end: i64| json!({ "start_time": start, "end_time": end });
    send(
        &local,
        &[
            timed("t", "all", None, (0, 0), &fields(i64::MIN, i64::MAX)),
            timed("t", "reversed", Some("all"), (0, 0), &fields(5, -5)),
            timed("u", "negative", None, (0, 0), &fields(10, -10)),
        ],
    )
    .await;
    for path in ["/traces", "/traces/t", "/traces/u", "/traces/t/spans/1", "/traces/t/spans/2"] {
        let page = local.page(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn missing_traces_get_an_html_404() {
    let local = Local::start();
    for path in ["/traces/none", "/traces/", "/traces/none/spans", "/traces/%3Cscript%3E"] {
        let page = local.page(path).await;
        assert!(page.status == 404 && page.text.contains("<h1>Not found</h1>"), "{path}: {}", page.text);
        assert!(!page.text.contains("<script>"), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn traces_need_the_key_of_the_server() {
    let local = Local::with(Config::default().api_key("secret"));
    for path in ["/traces", "/traces/t", "/traces/t/spans/1"] {
        let page = local.page(path).await;
        assert!(matches!(page.status, 303 | 401), "{path}: {}", page.status);
    }
}
