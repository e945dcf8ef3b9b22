//! Kills the program while it stores data, and checks that nothing that it acknowledged is lost.
//!
//! `KILLS` is the number of times, 3 by default. `KILL_SEED` is where the random moments start; a failure prints it.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[path = "support/program.rs"]
mod program;
mod support;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use program::Program;
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{chat, request_with, span};

/// The time for one response, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// The number of threads of each kind that write at the same time.
const WRITERS: usize = 2;

/// The number of spans, and of requests, that one body has.
const SPANS: i64 = 3;
const REQUESTS_OF_SPANS: i64 = 2;

/// What the program has acknowledged. A marker is a word that only one request has.
enum Acknowledged {
    Request { id: i64, marker: String },
    Score { id: i64, name: String, score: i64 },
    Metadata { id: i64, key: String, value: String },
    Spans { trace: String },
}

/// A connection that ends when the program does.
struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), address })
    }

    fn get(&mut self, path: &str) -> io::Result<(u16, Value)> {
        self.send("GET", path, "")
    }

    fn post(&mut self, path: &str, body: &Value) -> io::Result<(u16, Value)> {
        self.send("POST", path, &body.to_string())
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<(u16, Value)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nX-API-KEY: key\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        self.stream.get_mut().write_all((head + body).as_bytes())?;
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().unwrap().parse().unwrap();
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, serde_json::from_slice(&body).unwrap()))
    }
}

fn marked(marker: &str) -> Value {
    let text = format!("What is the weather in {marker}? {}", "It rains in Bergen. ".repeat(20));
    request_with(&json!({ "input": chat("user", &text), "metadata": { "marker": marker } }))
}

/// Sends a body, and checks that the program accepts it. Returns an error if the program has ended.
fn accepted(client: &mut Client, path: &str, body: &Value) -> io::Result<Value> {
    let (status, answer) = client.post(path, body)?;
    assert!([200, 201].contains(&status), "{path} answered {status}: {answer}");
    Ok(answer)
}

/// Logs requests, and adds a score and metadata to each, until the program has ended.
fn write_requests(address: SocketAddr, writer: &str, sender: &Sender<Acknowledged>) -> io::Result<()> {
    let mut client = Client::connect(address)?;
    for number in 0_i64.. {
        let marker = format!("{writer}n{number}");
        let id = accepted(&mut client, "/log-request", &marked(&marker))?["id"].as_i64().unwrap();
        sender.send(Acknowledged::Request { id, marker: marker.clone() }).unwrap();

        let (name, score) = (format!("score {marker}"), number % 101);
        accepted(
            &mut client,
            "/rest/track-score",
            &json!({ "request_id": id, "score": score, "name": name }),
        )?;
        sender.send(Acknowledged::Score { id, name, score }).unwrap();

        let (key, value) = ("later".to_owned(), marker);
        accepted(
            &mut client,
            "/rest/track-metadata",
            &json!({ "request_id": id, "metadata": { "later": value } }),
        )?;
        sender.send(Acknowledged::Metadata { id, key, value }).unwrap();
    }
    Ok(())
}

/// Stores traces, until the program has ended.
fn write_spans(address: SocketAddr, writer: &str, sender: &Sender<Acknowledged>) -> io::Result<()> {
    let mut client = Client::connect(address)?;
    for number in 0.. {
        let trace = format!("{writer}n{number}");
        let context = |id: &str| json!({ "trace_id": trace, "span_id": id, "trace_state": "" });
        let spans = json!([
            span("root", &json!({ "context": context("root") })),
            span(
                "a",
                &json!({ "context": context("a"), "parent_id": "root", "log_request": marked(&format!("{trace}a")) })
            ),
            span(
                "b",
                &json!({ "context": context("b"), "parent_id": "root", "log_request": marked(&format!("{trace}b")) })
            ),
        ]);
        accepted(&mut client, "/spans-bulk", &json!({ "spans": spans }))?;
        sender.send(Acknowledged::Spans { trace }).unwrap();
    }
    Ok(())
}

/// Starts the writers, kills the program at a random moment, and returns what it had acknowledged.
fn write_and_kill(program: Program, round: usize, random: &mut fastrand::Rng) -> Vec<Acknowledged> {
    let address = program.address;
    let (sender, receiver) = channel();
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let one = sender.clone();
        writers
            .push(std::thread::spawn(move || write_requests(address, &format!("k{round}r{number}"), &one)));
        let other = sender.clone();
        writers.push(std::thread::spawn(move || write_spans(address, &format!("k{round}s{number}"), &other)));
    }
    drop(sender);
    let enough = random.usize(1..150);
    let mut acknowledged: Vec<Acknowledged> =
        (0..enough).map(|_| receiver.recv_timeout(PATIENCE).unwrap()).collect();
    // Any moment: also one in the middle of a transaction or of a checkpoint.
    std::thread::sleep(Duration::from_micros(random.u64(0..20_000)));
    // Ends it with SIGKILL.
    drop(program);
    for writer in writers {
        // A writer ends when its connection does. A refusal of the program is a panic.
        assert!(writer.join().unwrap().is_err());
    }
    acknowledged.extend(receiver.try_iter());
    acknowledged
}

/// Checks that each acknowledged value can be read.
fn check_acknowledged(client: &mut Client, acknowledged: &[Acknowledged]) {
    let mut request = |id: i64| {
        let (status, answer) = client.get(&format!("/api/public/v2/requests/{id}")).unwrap();
        assert_eq!(status, 200, "request {id} is lost: {answer}");
        answer
    };
    for one in acknowledged {
        match one {
            Acknowledged::Request { id, marker } => {
                let stored = request(*id);
                assert_eq!(stored["metadata"]["marker"], json!(marker), "request {id}");
                assert_eq!(stored["input"], marked(marker)["input"], "request {id}");
            }
            Acknowledged::Score { id, name, score } => {
                assert_eq!(request(*id)["scores"][name], json!(score));
            }
            Acknowledged::Metadata { id, key, value } => {
                assert_eq!(request(*id)["metadata"][key], json!(value));
            }
            Acknowledged::Spans { .. } => {}
        }
    }
    for one in acknowledged {
        let Acknowledged::Spans { trace } = one else { continue };
        let (status, answer) = client.get(&format!("/api/public/v2/traces/{trace}")).unwrap();
        assert_eq!(status, 200, "trace {trace} is lost: {answer}");
        let spans = answer["spans"].as_array().unwrap();
        let ids: Vec<&Value> = spans.iter().map(|span| &span["span_id"]).collect();
        assert_eq!(ids, ["root", "a", "b"], "trace {trace}");
        for span in &spans[1..] {
            let id = span["request_log_id"].as_i64().unwrap();
            let (_, stored) = client.get(&format!("/api/public/v2/requests/{id}")).unwrap();
            let marker = format!("{trace}{}", span["span_id"].as_str().unwrap());
            assert_eq!(stored["metadata"]["marker"], json!(marker), "request {id}");
        }
    }
}

/// Checks the whole file: SQLite's own checks, and that everything is there once, with all that belongs to it.
fn check_file(connection: &Connection) {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let integrity: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    connection.execute_batch("INSERT INTO request_texts (request_texts) VALUES ('integrity-check')").unwrap();
    assert_eq!(number("SELECT count(*) FROM pragma_foreign_key_check"), 0);

    let twice = "SELECT count(*) FROM (SELECT 1 FROM request_metadata WHERE key = 'marker'
                 GROUP BY value HAVING count(*) > 1)";
    assert_eq!(number(twice), 0, "requests that are stored twice");
    let requests = number("SELECT count(*) FROM requests");
    for table in ["request_facts", "request_metadata WHERE key = 'marker'"] {
        assert_eq!(number(&format!("SELECT count(*) FROM {table}")), requests, "{table}");
    }
    assert_eq!(number("SELECT requests FROM request_counts"), requests);
    let partial = format!(
        "SELECT count(*) FROM (SELECT count(*) AS spans, count(requests.id) AS requests FROM spans
         LEFT JOIN requests ON requests.span_row = spans.id GROUP BY trace_id)
         WHERE spans <> {SPANS} OR requests <> {REQUESTS_OF_SPANS}"
    );
    assert_eq!(number(&partial), 0, "traces of which a part is stored");
}

/// Waits until the program has indexed all texts, and checks that each acknowledged request is found by its marker.
fn check_texts(connection: &Connection, acknowledged: &[Acknowledged]) {
    let unindexed = "SELECT count(*) FROM requests WHERE id > (SELECT last_id FROM indexed_requests)";
    let begin = Instant::now();
    while connection.query_row(unindexed, [], |row| row.get::<_, i64>(0)).unwrap() > 0 {
        assert!(begin.elapsed() < PATIENCE, "texts are not indexed");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut found =
        connection.prepare("SELECT rowid FROM request_texts WHERE request_texts MATCH ?").unwrap();
    for one in acknowledged {
        let Acknowledged::Request { id, marker } = one else { continue };
        let rows: Vec<i64> =
            found.query_map([marker], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows, [*id], "{marker}");
    }
}

/// Returns the number in an environment variable.
fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is not a number")))
}

#[test]
fn killed_under_load_it_has_all_that_it_acknowledged() {
    let kills = usize::try_from(number_in("KILLS").unwrap_or(3)).unwrap();
    let seed = number_in("KILL_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("KILLS={kills} KILL_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");

    let mut all = Vec::new();
    let mut program = Program::start(&path);
    for round in 0..kills {
        let acknowledged = write_and_kill(program, round, &mut random);
        program = Program::start(&path);
        check_acknowledged(&mut Client::connect(program.address).unwrap(), &acknowledged);
        check_file(&Connection::open(&path).unwrap());
        all.extend(acknowledged);
    }
    check_acknowledged(&mut Client::connect(program.address).unwrap(), &all);
    let connection = Connection::open(&path).unwrap();
    check_texts(&connection, &all);
    check_file(&connection);
    println!("{} values were acknowledged, and none is lost", all.len());
}
