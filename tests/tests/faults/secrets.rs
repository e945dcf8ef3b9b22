//! The API key appears only in the request header, nowhere else.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::mpsc::channel;
use std::{fs, io};

use promptlayer_tracing::Client;
use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::{SpoolMode, SpoolSettings};
use tempfile::TempDir;
use tests::Reply;

use super::*;

/// A key that no other text contains by chance.
const KEY: &str = "pl_5ec2e7-5ec2e7-5ec2e7";

/// Returns the contents of all files in a folder and its subfolders.
fn contents(folder: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        bytes.extend(if path.is_dir() { contents(&path)? } else { fs::read(&path)? });
    }
    Ok(bytes)
}

fn holds_the_key(bytes: &[u8]) -> bool {
    bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes())
}

/// A response that contains a text in one place, with the name of the place.
type Place = (&'static str, fn(&str) -> Reply);

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Every place in a response that can repeat the key.
const PLACES: &[Place] = &[
    ("message of a 401", |text| Reply::status(401).body(format!("{{\"message\":{}}}", json(text)))),
    ("text of a 500", |text| Reply::status(500).body(text)),
    ("detail of a 422", |text| {
        Reply::status(422).body(format!("{{\"detail\":[{{\"loc\":[{}]}}]}}", json(text)))
    }),
    ("429 behind blanks", |text| Reply::status(429).body(format!("{}{text}", " ".repeat(4090)))),
    ("429 across the end of the quote", |text| {
        Reply::status(429).body(format!("{}{text}", "x".repeat(1010)))
    }),
    ("redirect", |text| {
        Reply::status(307).body(text).header("X-Key", &json(text)).header("Location", "http://pl.example/")
    }),
    ("location", |text| {
        let is_header = text.bytes().all(|byte| byte.is_ascii_graphic());
        Reply::redirect(&format!("http://pl.example/{}", if is_header { text } else { "" }))
    }),
    ("page", |text| Reply::status(200).body(format!("<html>{text}"))),
    ("string", |text| Reply::status(200).body(json(text))),
    ("declined", |text| Reply::status(200).body(format!("{{\"success\":false,\"message\":{}}}", json(text)))),
    ("list", |text| {
        Reply::status(201).body(format!("{{\"request_logs\":{0},\"items\":{0},\"spans\":{0}}}", json(text)))
    }),
    ("id", |text| {
        let body = format!("{{\"id\":{0},\"request_logs\":[{{\"id\":{0},\"span_id\":{0}}}]}}", json(text));
        Reply::status(201).body(body)
    }),
    ("name of a field", |text| Reply::status(200).body(format!("{{{}:", json(text)))),
    ("rejected", |text| Reply::status(201).body(format!("{{\"rejected_span_ids\":{}}}", json(text)))),
];

/// Returns everything that an error displays, with its sources.
fn shown(error: &(dyn std::error::Error + 'static)) -> String {
    let mut shown = format!("{error}\n{error:?}\n{error:#?}\n");
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(source) = cause {
        write!(shown, "{source}\n{source:?}\n{source:#?}\n").unwrap();
        cause = source.source();
    }
    shown
}

/// Returns the key in an encoding, whole and cut at the start and at the end.
fn texts(encode: fn(&str) -> String, turn: usize) -> [String; 3] {
    let written = encode(KEY);
    let (start, end) =
        (1 + turn * 5 % (written.len() / 2), written.len() - 1 - turn * 7 % (written.len() / 2));
    [written[..end].to_owned(), written[start..].to_owned(), written]
}

/// Sends several requests and returns everything that their errors display.
async fn ask_for_all(client: &Client) -> String {
    let errors = [
        client.track().score(1, 100).await.err(),
        client.groups().create().await.err(),
        client.requests().trace("00000000000000000000000000000001".parse().unwrap()).await.err(),
    ];
    errors.iter().flatten().map(|error| shown(error)).collect()
}

#[test]
fn no_response_makes_a_client_show_the_key() {
    let recorder = Recorder::start().unwrap();
    let client =
        Client::builder().env(Env::empty()).api_key(KEY).base_url(recorder.url()).retries(0).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (turn, (place, reply)) in PLACES.iter().enumerate() {
        for (at, (name, encode)) in leaks::ENCODINGS.iter().enumerate() {
            let [cut_end, cut_start, whole] = texts(*encode, turn + at);
            let text = [whole, cut_end, cut_start][(turn + at) % 3].clone();
            let (reply, said) = (*reply, text.clone());
            recorder.decide(move |_| Some(reply(&said)));
            let shown = runtime.block_on(ask_for_all(&client));
            assert!(!shown.is_empty(), "{place}: there is an error");
            assert_eq!(leaks::find(&shown, KEY), None, "{place}, {name}, {text}: {shown}");
        }
    }
}

#[test]
fn no_response_makes_a_pipeline_show_the_key() {
    for (turn, (place, reply)) in PLACES.iter().enumerate() {
        let encoding = leaks::ENCODINGS.iter().cycle().nth(turn);
        for (name, encode) in encoding.into_iter().chain(leaks::ENCODINGS.first()) {
            let recorder = Recorder::start().unwrap();
            let [cut, _, whole] = texts(*encode, turn);
            let (reply, mut text) = (*reply, [whole, cut].into_iter().cycle());
            recorder.decide(move |_| Some(reply(&text.next().unwrap_or_default())));
            let (told, errors) = channel();
            let builder = layer_for(recorder.url())
                .api_key(KEY)
                .on_error(move |error| told.send(shown(error)).unwrap())
                .on_request_id(|request| drop(request.track().score(1).enqueue()));
            let (layer, guard) = builder.build().unwrap();
            dispatcher::with_default(&dispatch(layer), || ask_times(11));
            guard.shutdown(Duration::from_millis(100));
            let shown: String = errors.iter().collect();
            assert_eq!(leaks::find(&shown, KEY), None, "{place}, {name}: {shown}");
        }
    }
}

#[test]
fn settings_with_the_key_do_not_show_it() {
    let base = || Client::builder().env(Env::empty()).api_key(KEY);
    for url in
        [format!("http://pl.example/?key={KEY}"), format!("ftp://{KEY}"), format!("http://{KEY}@pl.example")]
    {
        let builder = base().base_url(url);
        let shown = format!("{builder:?} {builder:#?} {}", shown(&builder.clone().build().unwrap_err()));
        assert_eq!(leaks::find(&shown, KEY), None, "{shown}");
    }
    let client = base().base_url(format!("http://pl.example/{KEY}")).build().unwrap();
    let env = Env::new([("PROMPTLAYER_API_KEY", KEY), ("PROMPTLAYER_HTTP_TIMEOUT", KEY)]);
    let error = Client::builder().env(env).build().unwrap_err();
    let tagged = promptlayer_tracing::layer()
        .env(Env::empty())
        .api_key(KEY)
        .tags([KEY, KEY.repeat(40).as_str()].map(str::to_owned));
    let shown = format!("{client:?} {client:#?} {} {}", shown(&error), shown(&tagged.build().unwrap_err()));
    assert_eq!(leaks::find(&shown, KEY), None, "{shown}");
}

#[test]
fn key_appears_in_no_debug_output_error_or_file() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    // A server can repeat in its response what it received.
    let echo = |request: &tests::Request| {
        let key = request.header("x-api-key").unwrap_or_default().to_owned();
        let said = format!("{{\"success\":false,\"message\":\"no such key: {key}\"}}");
        Some(Reply::status(401).header("Location", &format!("http://{key}.example/")).body(said))
    };
    recorder.decide(echo);
    let mut said = String::new();
    let client = Client::builder().env(Env::empty()).api_key(KEY).base_url(recorder.url());
    write!(said, "{client:?}").unwrap();
    let client = client.build().unwrap();
    write!(said, "{client:?}{:?}{:?}", client.track(), client.templates()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(async { client.track().score(1, 100).await }).unwrap_err();
    write!(said, "{error}{error:?}").unwrap();

    let (told, errors) = channel();
    let spool = SpoolSettings::new(folder.path()).mode(SpoolMode::Synchronous);
    let builder = layer_for(recorder.url())
        .api_key(KEY)
        .spool(spool)
        .on_error(move |error| told.send(format!("{error}{error:?}")).unwrap());
    write!(said, "{builder:?}").unwrap();
    let (layer, guard) = builder.build().unwrap();
    write!(said, "{layer:?}{guard:?}").unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_times(20));
    said.push_str(&errors.recv_timeout(LONG).unwrap());
    let stats = guard.shutdown(Duration::from_millis(200));
    write!(said, "{stats:?}").unwrap();
    said.extend(errors.iter());

    assert_eq!(leaks::find(&said, KEY), None, "{said}");
    let files = contents(folder.path()).unwrap();
    assert!(!files.is_empty() && !holds_the_key(&files));
    assert_eq!(stats.spans.pending.spooled, 20, "{stats:#?}");
    assert_eq!(recorder.requests()[0].header("x-api-key"), Some(KEY), "it is where it should be");
}
