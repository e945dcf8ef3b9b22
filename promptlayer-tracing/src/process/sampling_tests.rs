//! Which traces are sampled.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;

use promptlayer_blueprint::TraceId;

use crate::process::SpanProcessor;
use crate::{LayerBuilder, layer};

/// Tells the second process that it is to write what it decides.
const WRITES: &str = "PROMPTLAYER_TEST_WRITES_SAMPLED";
const TRACES: u64 = 100_000;

fn processor(builder: LayerBuilder) -> Arc<SpanProcessor> {
    let (layer, _captured) = builder.in_memory().unwrap();
    Arc::clone(layer.processor())
}

/// Returns the numbers of the traces that are sampled, of traces whose ids a fixed seed gives.
fn sampled(share: f64) -> Vec<u64> {
    let processor = processor(layer().sample(share));
    let mut random = fastrand::Rng::with_seed(7);
    let ids = (0..TRACES).map(|number| {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        (number, TraceId::from_bytes(bytes).unwrap())
    });
    ids.filter(|(_, id)| processor.samples(*id)).map(|(number, _)| number).collect()
}

#[test]
fn another_process_samples_the_same_traces() {
    let mine = sampled(0.1);
    let text = mine.iter().fold(String::new(), |mut text, number| {
        let _ = write!(text, "{number} ");
        text
    });
    if std::env::var_os(WRITES).is_some() {
        println!("<{text}>");
        return;
    }
    assert!((9_500..=10_500).contains(&mine.len()), "{}", mine.len());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::sampling_tests::another_process_samples_the_same_traces", "--nocapture"])
        .env(WRITES, "1")
        .output()
        .unwrap();
    let written = String::from_utf8(output.stdout).unwrap();
    assert!(written.contains(&format!("<{text}>")), "{written}");
}

#[test]
fn larger_share_samples_the_traces_of_a_smaller_one_too() {
    let [few, many] = [sampled(0.1), sampled(0.3)];
    assert!(few.iter().all(|number| many.binary_search(number).is_ok()));
    assert_eq!((sampled(0.0).len(), sampled(1.0).len() as u64), (0, TRACES));
}

#[test]
fn last_eight_bytes_of_the_id_decide() {
    let processor = processor(layer().sample(0.5));
    // The number is shifted by one bit, so half of all numbers end below 2^62.
    for (low, is_sampled) in
        [(0x0000_0000_0000_0001_u64, true), (0x7fff_ffff_ffff_ffff, true), (1 << 63, false)]
    {
        for high in [0_u64, u64::MAX] {
            let bytes: Vec<u8> = high.to_be_bytes().into_iter().chain(low.to_be_bytes()).collect();
            let id = TraceId::from_bytes(bytes.try_into().unwrap()).unwrap();
            assert_eq!(processor.samples(id), is_sampled, "{id}");
        }
    }
}
