//! Where the key must not be: anywhere but in the header.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::mpsc::channel;
use std::{fs, io};

use promptlayer_tracing::{Client, Env, SpoolMode, SpoolSettings};
use tempfile::TempDir;
use tests::Reply;

use super::*;

/// A key that nothing else could contain.
const KEY: &str = "pl_5ec2e7-5ec2e7-5ec2e7";

/// All that is in the files of a folder.
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

#[test]
fn the_key_is_in_no_debug_no_error_and_no_file() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    // What a server may do with what it was sent: say it again.
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

    assert!(!holds_the_key(said.as_bytes()), "{said}");
    let files = contents(folder.path()).unwrap();
    assert!(!files.is_empty() && !holds_the_key(&files));
    assert_eq!(stats.spans.pending.spooled, 20, "{stats:#?}");
    assert_eq!(recorder.requests()[0].header("x-api-key"), Some(KEY), "it is where it should be");
}
