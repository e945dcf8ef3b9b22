//! How deeply futures can be nested before the compiler fails to prove that they are `Send`.

use std::fmt::Write as _;

use tests::rustc::Code;

use super::RUSTC;

/// The maximum depth to try.
const LIMIT: usize = 128;

const ANNOTATED: &str = "#[promptlayer_tracing::promptlayer]";

/// Returns `true` if `depth` nested async functions compile where `Send` is required.
fn is_send(attribute: &str, depth: usize) -> bool {
    is_send_with("", attribute, depth, None)
}

/// Like `is_send`, with a crate attribute and optionally with one function of the nest that returns a box.
fn is_send_with(of_crate: &str, attribute: &str, depth: usize, boxed: Option<usize>) -> bool {
    let mut text = format!("{of_crate} fn send(_: impl Send) {{}} pub fn check() {{ send(f0(\"\", 0)); }}\n");
    for level in 0..depth {
        let (below, number) = (level + 1, level);
        let body = format!("let below = f{below}(text, count).await?; Ok(below + count)");
        let _ = if boxed == Some(level) {
            writeln!(
                text,
                "{attribute} fn f{number}(text: &str, count: usize) -> std::pin::Pin<Box<dyn Future<Output = \
                 Result<usize, String>> + Send + '_>> {{ Box::pin(async move {{ {body} }}) }}"
            )
        } else {
            writeln!(
                text,
                "{attribute} async fn f{number}(text: &str, count: usize) -> Result<usize, String> {{ {body} }}"
            )
        };
    }
    let _ = writeln!(
        text,
        "{attribute} async fn f{depth}(text: &str, count: usize) -> Result<usize, String> {{ \
             std::future::ready(()).await; Ok(text.len() + count) \
         }}"
    );
    RUSTC.compile(Code { edition: "2024", text: &text, is_built: false }).success
}

/// Returns the maximum depth that compiles.
fn greatest(attribute: &str) -> usize {
    let (mut most, mut least) = (0, LIMIT + 1);
    while least - most > 1 {
        let middle = usize::midpoint(most, least);
        if is_send(attribute, middle) { most = middle } else { least = middle }
    }
    most
}

#[test]
fn annotated_futures_nest_deeper_than_instrumented_ones() {
    let [plain, instrumented, recording, annotated, with_events] = [
        "",
        "#[tracing::instrument]",
        "#[tracing::instrument(err, ret)]",
        ANNOTATED,
        "#[promptlayer_tracing::promptlayer(err, ret)]",
    ]
    .map(|attribute| std::thread::spawn(move || greatest(attribute)))
    .map(|measured| measured.join().unwrap());
    println!(
        "provably Send at the default recursion limit: plain {plain}, #[instrument] {instrumented}, \
         #[instrument(err, ret)] {recording}, #[promptlayer] {annotated}, \
         #[promptlayer(err, ret)] {with_events}"
    );
    assert_eq!(with_events, annotated);
    // The depth in the documentation of the attribute.
    assert!(annotated >= 20, "{annotated}");
    assert!(annotated > instrumented, "{annotated} against {instrumented}");
    assert!(annotated > recording, "{annotated} against {recording}");
    assert!(plain >= annotated, "a limit was not reached: {plain} against {annotated}");
}

#[test]
fn forty_nested_functions_are_send_as_documented() {
    assert!(!is_send(ANNOTATED, 40), "the documentation of the limit can go");
    assert!(is_send_with("#![recursion_limit = \"256\"]", ANNOTATED, 40, None));
    assert!(is_send_with("", ANNOTATED, 40, Some(20)));
}
