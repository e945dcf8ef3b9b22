//! How deep futures may be nested until the compiler gives up to prove that they are `Send`.

use std::fmt::Write as _;

use tests::rustc::Code;

use super::RUSTC;

/// The greatest depth that is tried.
const LIMIT: usize = 128;

/// Whether a nest of `depth` asynchronous functions compiles where it must be `Send`.
fn is_send(attribute: &str, depth: usize) -> bool {
    let mut text = String::from("fn send(_: impl Send) {} pub fn check() { send(f0(\"\", 0)); }\n");
    for level in 0..depth {
        let (below, number) = (level + 1, level);
        let _ = writeln!(
            text,
            "{attribute} async fn f{number}(text: &str, count: usize) -> Result<usize, String> {{ \
                 let below = f{below}(text, count).await?; Ok(below + count) \
             }}"
        );
    }
    let _ = writeln!(
        text,
        "{attribute} async fn f{depth}(text: &str, count: usize) -> Result<usize, String> {{ \
             std::future::ready(()).await; Ok(text.len() + count) \
         }}"
    );
    RUSTC.compile(Code { edition: "2021", text: &text, is_built: false }).success
}

/// The greatest depth that compiles.
fn greatest(attribute: &str) -> usize {
    let (mut most, mut least) = (0, LIMIT + 1);
    while least - most > 1 {
        let middle = usize::midpoint(most, least);
        if is_send(attribute, middle) { most = middle } else { least = middle }
    }
    most
}

#[test]
fn more_annotated_futures_are_provably_send_than_instrumented_ones() {
    let [plain, instrumented, recording, annotated] = [
        "",
        "#[tracing::instrument]",
        "#[tracing::instrument(err, ret)]",
        "#[promptlayer_tracing::promptlayer]",
    ]
    .map(|attribute| std::thread::spawn(move || greatest(attribute)))
    .map(|measured| measured.join().unwrap());
    println!(
        "provably Send at the default recursion limit: plain {plain}, #[instrument] {instrumented}, \
         #[instrument(err, ret)] {recording}, #[promptlayer] {annotated}"
    );
    assert!(annotated > instrumented, "{annotated} against {instrumented}");
    assert!(annotated > recording, "{annotated} against {recording}");
    assert!(plain >= annotated, "a limit was not reached: {plain} against {annotated}");
}
