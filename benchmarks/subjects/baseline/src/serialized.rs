//! One serialization of the input and the output of a call. Recording both as JSON costs at least as much.

use std::future::ready;
use std::hint::black_box;

use futures_util::StreamExt;
use harness::content::{self, FORECAST, PLACE, REPLY, REQUEST, now};
use harness::subject::{NoExport, Subject};
use serde::Serialize;

pub(crate) const SUBJECT: Subject = Subject {
    name: "serde_json",
    start: |_| Ok(Box::new(NoExport)),
    runs: &[
        ("call_1k", |prompt| serialize(&(prompt, prompt))),
        ("call_8k", |prompt| serialize(&(prompt, prompt))),
        ("call_64k", |prompt| serialize(&(prompt, prompt))),
        ("chat", |_| serialize(&(&*REQUEST, &*REPLY))),
        ("tool", |_| serialize(&(PLACE, FORECAST))),
        ("stream_chat", |_| serialize(&now(content::chunks().collect::<Vec<_>>()))),
        ("stream_words", |_| serialize(&now(content::words().collect::<Vec<_>>()))),
        ("items_chat", |_| now(content::chunks().for_each(|chunk| ready(serialize(chunk))))),
        ("items_words", |_| now(content::words().for_each(|word| ready(serialize(&word))))),
    ],
};

fn serialize(values: &impl Serialize) {
    drop(black_box(serde_json::to_string(values)));
}
