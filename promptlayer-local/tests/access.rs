//! Tests of access control over a raw socket: hosts, origins, keys and sessions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use std::net::TcpStream;
use std::time::{Duration, Instant};

use promptlayer_local::{Config, Error, Server};
use support::raw::{Reply, exchange, request_text, send};

/// The API endpoints that accept a body.
const POSTS: &[&str] = &[
    "/spans-bulk",
    "/log-request",
    "/rest/track-score",
    "/rest/track-metadata",
    "/rest/track-prompt",
    "/rest/track-group",
    "/rest/prompt-templates",
    "/prompt-templates/x",
    "/api/public/v2/traces/x/close",
    "/create-group",
];

const GETS: &[&str] = &[
    "/",
    "/requests/1",
    "/style.css",
    "/icon.svg",
    "/key",
    "/nothing",
    "/prompt-templates",
    "/prompt-templates/x",
    "/api/public/v2/requests/1",
    "/api/public/v2/traces/x",
];

fn start() -> Server {
    Server::start(Config::default()).unwrap()
}

fn with_key() -> Server {
    Server::start(Config::default().api_key("pl_secret")).unwrap()
}

#[test]
fn foreign_host_header_gets_421_on_every_path() {
    let server = start();
    for (method, paths) in [("GET", GETS), ("POST", POSTS), ("POST", &["/key", "/logout"]), ("OPTIONS", GETS)]
    {
        for path in paths {
            for host in ["evil.example:7780", "localhost.evil.example", ""] {
                let text = request_text(method, path, &[("Host", host), ("X-API-KEY", "key")], "");
                let reply = exchange(&server, &text);
                assert_eq!(reply.status, 421, "{method} {path} for {host:?}");
                assert!(reply.text.contains("--allow-host"), "{}", reply.text);
            }
        }
    }
    let page = exchange(&server, &request_text("GET", "/", &[("Host", "evil.example")], ""));
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    let api =
        exchange(&server, &request_text("GET", "/api/public/v2/requests/1", &[("Host", "evil.example")], ""));
    assert_eq!(api.json()["success"], false);
}

#[test]
fn own_hosts_and_allowed_names_are_answered() {
    let server = Server::start(Config::default().allow_host("box.lan").allow_host("Other.Lan.")).unwrap();
    for host in
        ["127.0.0.1:7780", "[::1]", "localhost", "LOCALHOST.:1", "box.lan:7780", "BOX.LAN", "other.lan"]
    {
        assert_eq!(exchange(&server, &request_text("GET", "/", &[("Host", host)], "")).status, 200, "{host}");
    }
    assert_eq!(exchange(&server, &request_text("GET", "/", &[("Host", "third.lan")], "")).status, 421);
    let error = Server::start(Config::default().allow_host("http://box.lan")).unwrap_err();
    assert!(matches!(&error, Error::AllowedHost { host } if host == "http://box.lan"), "{error}");
}

#[test]
fn absolute_target_names_a_host_too() {
    let server = start();
    for (text, status) in [
        ("GET http://evil.example/requests/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 421),
        ("GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421),
        ("GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\n\r\n", 200),
        ("GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n", 421),
    ] {
        assert_eq!(exchange(&server, text).status, status, "{text}");
    }
}

#[test]
fn foreign_origin_gets_403_when_it_changes_anything() {
    let server = start();
    let own = server.url().to_owned();
    let host = own.strip_prefix("http://").unwrap();
    let other_port = "http://127.0.0.1:1";
    for path in POSTS.iter().chain(&["/key", "/logout", "/nothing"]) {
        for origin in ["http://evil.example", "null", other_port, "https://127.0.0.1"] {
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                let headers = [("Host", host), ("Origin", origin), ("X-API-KEY", "key")];
                let reply = exchange(&server, &request_text(method, path, &headers, ""));
                assert_eq!(reply.status, 403, "{method} {path} from {origin}");
            }
        }
        let headers = [("Host", host), ("Origin", own.as_str()), ("X-API-KEY", "key")];
        let reply = exchange(&server, &request_text("POST", path, &headers, ""));
        assert_ne!(reply.status, 403, "{path} from the server's own pages");
    }
    let headers = [("Host", host), ("Origin", "http://evil.example")];
    assert_eq!(
        exchange(&server, &request_text("GET", "/", &headers, "")).status,
        200,
        "reading changes nothing"
    );
}

#[test]
fn key_is_checked_before_the_body_arrives() {
    for (server, key) in [(start(), None), (with_key(), None), (with_key(), Some("wrong"))] {
        for path in POSTS {
            // The body is never sent, so a response proves that the server did not wait for it.
            let mut headers = vec![("Host", "localhost"), ("Content-Length", "1000000")];
            headers.extend(key.map(|key| ("X-API-KEY", key)));
            if *path == "/create-group" && key.is_none() {
                continue;
            }
            let mut stream = send(&server, &request_text("POST", path, &headers, ""));
            assert_eq!(Reply::read(&mut stream).status, 401, "{path} with {key:?}");
        }
    }
}

#[test]
fn create_group_needs_a_key_in_the_header_or_the_body() {
    let server = with_key();
    let long = format!(r#"{{"padding":"{}","api_key":"pl_secret"}}"#, "x".repeat(5000));
    for (key, body, status) in [
        (None, r#"{"api_key":"pl_secret"}"#, 200),
        (Some("pl_secret"), "", 200),
        (Some("pl_secret"), "{}", 200),
        (Some("pl_secret"), r#"{"api_key":"wrong"}"#, 200),
        (Some("wrong"), r#"{"api_key":"pl_secret"}"#, 401),
        (None, "", 401),
        (None, "{}", 401),
        (None, "null", 401),
        (None, r#"{"api_key":"wrong"}"#, 401),
        (None, r#"{"api_key":null}"#, 401),
        (None, r#"[{"a":0}]"#, 401),
        (None, r#"{"api_key":"pl_secret""#, 401),
        (None, long.as_str(), 401),
    ] {
        let length = body.len().to_string();
        let mut headers = vec![("Host", "localhost"), ("Content-Length", length.as_str())];
        headers.extend(key.map(|key| ("X-API-KEY", key)));
        let reply = exchange(&server, &request_text("POST", "/create-group", &headers, body));
        assert_eq!(reply.status, status, "{key:?} {}", &body[..body.len().min(60)]);
    }
}

#[test]
fn refused_body_is_read_so_the_answer_arrives() {
    let server = Server::start(Config::default().api_key("pl_secret").body_limit(1000)).unwrap();
    let body = "x".repeat(20_000_000);
    let length = body.len().to_string();
    for (host, key, status) in
        [("localhost", "wrong", 401), ("evil.example", "pl_secret", 421), ("localhost", "pl_secret", 413)]
    {
        let headers = [
            ("Host", host),
            ("X-API-KEY", key),
            ("Content-Type", "application/json"),
            ("Content-Length", length.as_str()),
        ];
        // The whole body is written before the response is read, as Python's `requests` does.
        let reply = exchange(&server, &request_text("POST", "/log-request", &headers, &body));
        assert_eq!(reply.status, status);
    }
}

#[test]
fn empty_key_means_none() {
    let server = Server::start(Config::default().api_key("")).unwrap();
    let headers = [("Host", "localhost"), ("X-API-KEY", "anything")];
    assert_eq!(exchange(&server, &request_text("POST", "/create-group", &headers, "")).status, 200);
    assert_eq!(
        exchange(&server, &request_text("POST", "/create-group", &[("Host", "localhost")], "")).status,
        401
    );
    assert_eq!(exchange(&server, &request_text("GET", "/", &[("Host", "localhost")], "")).status, 200);
    let error = Server::start(Config::default().api_key("two\nlines")).unwrap_err();
    assert!(matches!(error, Error::ApiKey { .. }), "{error}");
}

#[test]
fn other_machines_are_served_with_a_key_only() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let config = Config::default().address(address.parse().unwrap());
        for config in [config.clone(), config.api_key("")] {
            let error = Server::start(config).unwrap_err();
            assert!(matches!(error, Error::KeyNeeded { .. }), "{address}: {error}");
            let text = error.to_string();
            assert!(text.contains(address) && text.contains("PROMPTLAYER_LOCAL_API_KEY"), "{text}");
        }
    }
    for address in ["127.0.0.1:0", "127.0.0.2:0"] {
        assert!(Server::start(Config::default().address(address.parse().unwrap())).is_ok(), "{address}");
    }
    let config = Config::default().address("0.0.0.0:0".parse().unwrap()).api_key("pl_secret");
    let server = Server::start(config).unwrap();
    assert!(server.address().ip().is_unspecified(), "the address is the one listened on");
    assert_eq!(server.url(), format!("http://127.0.0.1:{}", server.address().port()));
    assert_eq!(exchange(&server, &request_text("GET", "/", &[("Host", "127.0.0.1")], "")).status, 401);
}

fn form(server: &Server, fields: &str) -> Reply {
    let length = fields.len().to_string();
    let headers = [
        ("Host", "localhost"),
        ("Origin", "http://localhost"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", length.as_str()),
    ];
    exchange(server, &request_text("POST", "/key", &headers, fields))
}

#[test]
fn pages_require_a_login_when_the_server_has_a_key() {
    let server = with_key();
    for page in ["/", "/requests/1", "/?page=2"] {
        let reply = exchange(&server, &request_text("GET", page, &[("Host", "localhost")], ""));
        assert_eq!(reply.status, 401, "{page}");
        assert!(
            reply.text.contains(r#"type="password""#) && reply.text.contains("action=\"/key\""),
            "{}",
            reply.text
        );
        assert!(reply.text.contains(&format!("value=\"{page}\"")), "it leads back to {page}");
        assert!(reply.header("content-security-policy").unwrap().contains("form-action 'self'"));
        // With a stricter policy, browsers send the form with `Origin: null`.
        assert_eq!(reply.header("referrer-policy"), Some("same-origin"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    for wrong in ["key=wrong&next=%2Frequests%2F1", "key=&next=%2F", "next=%2F", "key=pl_secre", "%ff"] {
        let reply = form(&server, wrong);
        assert!(matches!(reply.status, 400 | 401), "{wrong}: {}", reply.status);
        assert!(reply.text.contains("role=\"alert\"") && reply.header("set-cookie").is_none(), "{wrong}");
    }

    let reply = form(&server, "key=pl_secret&next=%2Frequests%2F1");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/requests/1")));
    let set_cookie = reply.header("set-cookie").unwrap();
    assert!(set_cookie.contains("; HttpOnly; SameSite=Strict;"), "{set_cookie}");
    assert!(!set_cookie.contains("pl_secret"), "{set_cookie}");
    let cookie = set_cookie.split(';').next().unwrap();
    let see = |path, cookie| {
        exchange(&server, &request_text("GET", path, &[("Host", "localhost"), ("Cookie", cookie)], ""))
    };
    assert_eq!(see("/", cookie).status, 200);
    assert_eq!(see("/requests/1", cookie).status, 404, "the page itself: there is no such request");
    assert!(see("/key", cookie).text.contains("Log out"));
    assert_eq!(see("/", &cookie[..cookie.len() - 1]).status, 401);
    assert_eq!(see("/api/public/v2/requests/1", cookie).status, 401, "the API takes no cookie");

    let leave =
        [("Host", "localhost"), ("Origin", "http://localhost"), ("Cookie", cookie), ("Content-Length", "0")];
    let reply = exchange(&server, &request_text("POST", "/logout", &leave, ""));
    assert_eq!((reply.status, reply.header("location")), (303, Some("/key")));
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(see("/", cookie).status, 401, "the session has ended");
}

#[test]
fn form_never_leads_to_another_host() {
    let server = with_key();
    for next in
        ["%2F%2Fevil.example", "https%3A%2F%2Fevil.example", "%2F%5Cevil.example", "", "%2F%0D%0AX%3A+y"]
    {
        let reply = form(&server, &format!("key=pl_secret&next={next}"));
        assert_eq!((reply.status, reply.header("location")), (303, Some("/")), "{next}");
    }
}

#[test]
fn pages_take_the_key_in_the_header_too() {
    let server = with_key();
    let see = |path, key| {
        exchange(&server, &request_text("GET", path, &[("Host", "localhost"), ("X-API-KEY", key)], "")).status
    };
    assert_eq!((see("/", "pl_secret"), see("/", "wrong"), see("/style.css", "")), (200, 401, 200));
    assert_eq!(exchange(&start(), &request_text("GET", "/key", &[("Host", "localhost")], "")).status, 200);
}

#[test]
fn every_response_has_the_nosniff_header() {
    let server = start();
    for (method, paths) in [("GET", GETS), ("POST", POSTS), ("DELETE", POSTS)] {
        for path in paths {
            for host in ["localhost", "evil.example"] {
                let text = request_text(method, path, &[("Host", host), ("X-API-KEY", "key")], "");
                let reply = exchange(&server, &text);
                assert_eq!(
                    reply.header("x-content-type-options"),
                    Some("nosniff"),
                    "{method} {path} {}",
                    reply.status
                );
            }
        }
    }
}

#[test]
fn path_with_invalid_utf8_is_not_found() {
    let server = start();
    for path in [
        "/requests/%FF",
        "/%FF",
        "/api/public/v2/requests/%FF",
        "/prompt-templates/%C3%28",
        "/requests/%80%80",
    ] {
        let text = request_text(
            "GET",
            path,
            &[("Host", "localhost"), ("X-API-KEY", "key"), ("Accept", "text/html")],
            "",
        );
        let reply = exchange(&server, &text);
        assert_eq!(reply.status, 404, "{path}");
        let is_page = reply.header("content-type").unwrap().starts_with("text/html");
        assert_eq!(
            is_page,
            !path.starts_with("/api/") && !path.starts_with("/prompt"),
            "{path}: {}",
            reply.text
        );
    }
}

#[test]
fn connection_without_a_request_is_closed() {
    let server = Server::start(Config::default().header_timeout(Duration::from_millis(200))).unwrap();
    for begun in ["", "GET / HTTP/1.1\r\nHost: loc", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let mut stream = send(&server, begun);
        // Reading ends when the server closes the connection. It would block if the server did not.
        let begin = Instant::now();
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        assert!(begin.elapsed() < Duration::from_secs(20), "{begun:?} was held for {:?}", begin.elapsed());
    }
}

#[test]
fn connection_beyond_the_limit_waits_for_its_turn() {
    let server = Server::start(Config::default().connection_limit(2)).unwrap();
    let ask = request_text("GET", "/style.css", &[("Host", "localhost")], "");
    let held: Vec<TcpStream> = (0..2)
        .map(|_| {
            // The connection stays open, because the request has no `Connection: close`.
            let mut stream = send(&server, "GET /icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert_eq!(Reply::read(&mut stream).status, 200);
            stream
        })
        .collect();
    let mut third = send(&server, &ask);
    third.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let waited = std::io::Read::read(&mut third, &mut [0; 1]);
    assert!(waited.is_err(), "a third connection was served beside the two: {waited:?}");
    drop(held);
    third.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(Reply::read(&mut third).status, 200, "it is served once another is closed");
}
