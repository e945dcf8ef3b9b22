//! The API key and the values of headers are in no text.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::mpsc::channel;
use std::{fs, io};

use promptlayer_tracing::export::{SpoolMode, SpoolSettings, Wire};
use tempfile::TempDir;
use tests::{Recorder, Reply};

use super::*;

/// Secrets that no other text contains by chance.
const KEY: &str = "pl_5ec2e7-5ec2e7-5ec2e7";
const TOKEN: &str = "tok_9f31ac-9f31ac-9f31ac";

/// Returns everything that an error displays, with its sources.
fn shown(error: &(dyn std::error::Error + 'static)) -> String {
    let mut shown = format!("{error}\n{error:?}\n");
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        write!(shown, "{source}\n{source:?}\n").unwrap();
        cause = source.source();
    }
    shown
}

#[track_caller]
fn assert_hidden(shown: &str) {
    for secret in [KEY, TOKEN] {
        assert_eq!(leaks::find(shown, secret), None, "{shown}");
    }
}

fn contents(folder: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        bytes.extend(if path.is_dir() { contents(&path)? } else { fs::read(&path)? });
    }
    Ok(bytes)
}

/// Responses that repeat a text.
const REPLIES: [fn(&str) -> Reply; 7] = [
    |text| Reply::status(401).body(format!("{{\"message\":\"{text}\"}}")),
    |text| Reply::status(500).body(text),
    |text| Reply::status(400).body(protobuf_status(text)),
    |text| Reply::status(200).body(format!("<html>{text}")),
    |text| {
        Reply::status(200)
            .body(format!("{{\"partialSuccess\":{{\"rejectedSpans\":1,\"errorMessage\":\"{text}\"}}}}"))
    },
    |text| {
        Reply::status(200)
            .body(format!("{{\"partialSuccess\":{{\"rejectedSpans\":0,\"errorMessage\":\"{text}\"}}}}"))
    },
    |text| Reply::redirect(&format!("http://pl.example/{text}")),
];

/// Returns a `google.rpc.Status` with this message.
fn protobuf_status(message: &str) -> Vec<u8> {
    let mut bytes = vec![0x08, 3, 0x12, u8::try_from(message.len()).unwrap()];
    bytes.extend_from_slice(message.as_bytes());
    bytes
}

#[test]
fn no_response_of_an_endpoint_makes_a_pipeline_show_a_secret() {
    for reply in REPLIES {
        for is_both in [true, false] {
            let recorder = Recorder::start().unwrap();
            let said = format!("{KEY} {TOKEN}");
            let text = said.replace(' ', "-");
            recorder.decide(move |_| Some(reply(&text)));
            let (told, errors) = channel();
            let otlp = collector(recorder.url()).header("authorization", format!("Bearer {TOKEN}"));
            let otlp = if is_both { otlp } else { otlp.header("x-key", KEY) };
            let builder = builder().otlp(otlp).on_error(move |error| told.send(shown(error)).unwrap());
            let builder = if is_both {
                let other = "http://127.0.0.1:9";
                builder.wire(Wire::SpansBulkAndOtlp).api_key(KEY).base_url(other)
            } else {
                builder
            };
            let (layer, guard) = builder.build().unwrap();
            dispatcher::with_default(&dispatch(layer), || ask_times(11));
            let stats = guard.shutdown(Duration::from_millis(200));
            let shown: String = errors.iter().collect();
            assert!(!shown.is_empty(), "{said}: {stats:#?}");
            assert_hidden(&shown);
        }
    }
}

#[test]
fn settings_with_secrets_do_not_show_them() {
    let otlp = Otlp::collector().header("authorization", format!("Bearer {TOKEN}")).header("x-key", KEY);
    assert_hidden(&format!("{otlp:?} {otlp:#?}"));
    assert_hidden(&format!("{:?}", builder().api_key(KEY).otlp(otlp)));
    for url in [format!("http://user:{TOKEN}@c.example/v1/traces"), format!("http://c.example/?key={TOKEN}")]
    {
        let otlp = Otlp::collector().endpoint(url);
        assert_hidden(&format!("{otlp:?}"));
        assert_hidden(&shown(&builder().otlp(otlp).build().unwrap_err()));
    }
    let bad = Otlp::collector().header("x-key", format!("{TOKEN}\n"));
    assert_hidden(&shown(&builder().otlp(bad).build().unwrap_err()));
    for list in [format!("a=1,{TOKEN}"), format!("a={TOKEN}%ff"), format!("a b={TOKEN}")] {
        let env = Env::new([("OTEL_EXPORTER_OTLP_HEADERS", list)]);
        assert_hidden(&shown(&builder().env(env).otlp(Otlp::collector()).build().unwrap_err()));
    }
}

#[test]
fn no_file_of_the_spool_holds_a_secret() {
    let folder = TempDir::new().unwrap();
    let otlp = Otlp::collector()
        .endpoint("http://127.0.0.1:9/v1/traces")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("x-key", KEY);
    let spool = SpoolSettings::new(folder.path()).mode(SpoolMode::Synchronous);
    let (layer, guard) = builder().otlp(otlp).spool(spool).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_times(11));
    let stats = guard.shutdown(Duration::from_millis(100));
    assert_eq!(stats.spans.pending.spooled, 11, "{stats:#?}");
    let written = contents(folder.path()).unwrap();
    assert!(written.windows(3).any(|window| window == b"ask"), "the spans are there");
    for secret in [KEY, TOKEN] {
        assert!(!written.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
