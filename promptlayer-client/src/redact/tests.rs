use std::error::Error as StdError;
use std::io;

use proptest::prelude::*;
use proptest::sample::select;

use super::leaks::{self, ENCODINGS};
use super::*;

/// A key as PromptLayer generates it, and other keys that an HTTP header can hold.
const KEYS: &[&str] = &[
    "pl_SENTINEL_KEY_0123456789abcdef",
    "pl_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR",
    "sk/5ec+2e7=%41\"quoted\"\\n&amp;<tag> end",
    "secret7",
    "k3y",
];

fn key() -> impl Strategy<Value = String> {
    prop_oneof![select(KEYS).prop_map(str::to_owned), "[A-Za-z0-9_+/=-]{9,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_fragment_of_the_key_is_left_in_any_encoding(
        key in key(),
        (name, encode) in select(ENCODINGS),
        before in "[ -~é\n]{0,12}",
        blanks in select(&[0_usize, 1000, 1020, 4060, 4090][..]),
        from in 0_usize..40,
        to in 0_usize..80,
    ) {
        let written = encode(&key);
        let piece: String = written.chars().skip(from).take(to.max(1)).collect();
        let redactor = Redactor::new(key.clone().into());
        for written in [written.as_str(), piece.as_str()] {
            let text = format!("{before}{}{written}\"}}", ".".repeat(blanks));
            // The text around the key may contain a fragment of it by chance.
            prop_assume!(leaks::find(&text.replace(written, "\u{1}"), &key).is_none());
            let json: Result<u64, _> = serde_json::from_value(text.clone().into());
            let json = redactor.json(&json.unwrap_err());
            let cause = redactor.cause(&io::Error::other(io::Error::other(text.clone())));
            let shown = format!(
                "{}\n{}\n{json} {json:?} {json:#?}\n{cause} {cause:?} {:?}",
                redactor.quote(text.as_bytes()),
                redactor.text(&text),
                cause.source(),
            );
            prop_assert_eq!(leaks::find(&shown, &key), None, "{} in {}", name, shown);
        }
    }
}

#[test]
fn cut_key_shows_at_most_three_characters() {
    let key = KEYS[0];
    let redactor = Redactor::new(key.into());
    for at in 1..key.len() {
        let end = redactor.quote(format!("bad key {}", &key[..at]).as_bytes());
        let start = redactor.quote(format!("{} is bad", &key[at..]).as_bytes());
        let quoted = redactor.quote(format!("{{\"message\":\"bad key {}\"}}", &key[..at]).as_bytes());
        let shows = |text: &str| (4..=at).any(|size| text.contains(&key[..size]));
        assert!(!shows(&end) && !shows(&quoted), "{end} {quoted}");
        assert!(key.len() - at < 4 || start == "[redacted] is bad", "{start}");
    }
}

#[test]
fn text_without_the_key_is_unchanged() {
    let redactor = Redactor::new(KEYS[0].into());
    for text in
        [r#"{"detail": [{"loc": ["body", "a%20b"], "msg": "é \u00e9"}]}"#, "", "pl_", "GET /spans-bulk"]
    {
        assert_eq!(redactor.text(text), text);
        assert_eq!(Redactor::default().text(text), text);
    }
    let told = redactor.quote(b"no workspace has the key pl_SENTINEL_KEY_0123456789abcdef here");
    assert_eq!(told, "no workspace has the key [redacted] here");
    let long = redactor.quote(&vec![b'x'; 10_000]);
    assert_eq!(long.len(), Error::MAX_QUOTED_BYTES);
}

#[test]
fn redacted_io_error_keeps_its_kind_or_os_number() {
    let redactor = Redactor::new(KEYS[0].into());
    let told = redactor.io(io::Error::new(io::ErrorKind::WouldBlock, format!("no thread for {}", KEYS[0])));
    assert_eq!(
        (told.kind(), told.to_string()),
        (io::ErrorKind::WouldBlock, "no thread for [redacted]".to_owned())
    );
    assert_eq!(redactor.io(io::Error::from_raw_os_error(11)).raw_os_error(), Some(11));
}
