//! Two layers of this crate in one subscriber.

use std::sync::mpsc::channel;
use std::time::Duration;

use tests::pipeline::layer_to;

use super::*;

#[test]
fn second_layer_in_one_subscriber_is_reported_once() {
    const LONG: Duration = Duration::from_secs(60);
    let (first_layer, first) = layer().in_memory().unwrap();
    let (told, errors) = channel();
    let (second_layer, guard) = layer_to("http://127.0.0.1:1")
        .on_error(move |error| told.send(error.to_string()).unwrap())
        .build()
        .unwrap();
    // The position of the second layer does not matter: here it is filtered and boxed.
    let second_layer = second_layer.with_filter(LevelFilter::TRACE).boxed();
    with_default(registry().with(first_layer).with(second_layer), || {
        for _ in 0..3 {
            ask("why?");
        }
    });
    assert!(guard.flush(LONG).is_complete(), "it waits for the report");
    let stats = guard.shutdown(LONG);
    let errors: Vec<String> = errors.iter().collect();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].contains("another PromptLayer layer in the same subscriber"), "{errors:#?}");
    assert_eq!((first.requests().len(), stats.spans.accepted), (3, 0), "the first records all");
}

#[test]
fn layers_in_different_subscribers_are_not_reported() {
    let (one, captured) = layer().in_memory().unwrap();
    let (told, errors) = channel();
    let (other, guard) = layer_to("http://127.0.0.1:1")
        .on_error(move |error| told.send(error.to_string()).unwrap())
        .build()
        .unwrap();
    let other = Dispatch::new(registry().with(other));
    with_default(registry().with(one), || {
        ask("why?");
        dispatcher::with_default(&other, || ());
        ask("why?");
    });
    drop(other);
    guard.shutdown(Duration::from_secs(60));
    assert_eq!(errors.iter().count(), 0);
    assert_eq!(captured.requests().len(), 2);
}
