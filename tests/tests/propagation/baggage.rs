//! Tags and metadata in baggage.

use promptlayer_tracing::LayerBuilder;
use promptlayer_tracing::blueprint::LogRequest;
use promptlayer_tracing::propagation::{Propagation, continue_from};
use promptlayer_tracing::{layer, scope};
use tests::in_memory::captured_with;

use super::{Headers, PARENT, ask, headers, injected, work};

const INCOMING: &str =
    "promptlayer.tags=one%2Ctwo,promptlayer.metadata.tenant=acme,promptlayer.metadata.other=x,vendor=7;p=1";

fn incoming() -> Headers {
    let mut headers = headers(PARENT);
    headers.insert("baggage".to_owned(), INCOMING.to_owned());
    headers
}

/// Returns the request log of a call that continues a trace with baggage, and what it injects.
fn continued(builder: LayerBuilder) -> (LogRequest, Headers) {
    let mut outgoing = Headers::new();
    let captured = captured_with(builder.tags(["layer"]).metadata([("tenant", "of layer")]), || {
        continue_from(&incoming()).in_scope(|| {
            ask("why?");
            outgoing = scope().tags(["three"]).user("u 1").in_scope(|| work(injected));
        });
    });
    (captured.requests().remove(0), outgoing)
}

#[test]
fn baggage_is_not_trusted_by_default_and_passes_through() {
    let (request, outgoing) = continued(layer());

    assert_eq!(request.tags.iter().collect::<Vec<_>>(), ["layer"]);
    assert_eq!(request.metadata["tenant"], "of layer");
    assert!(!request.metadata.contains_key("other"));
    assert_eq!(outgoing["baggage"], INCOMING);
}

#[test]
fn tags_and_metadata_arrive_where_they_are_accepted() {
    let accept = Propagation::default().accept_tags().accept_metadata(["tenant"]);
    let (request, outgoing) = continued(layer().propagate(accept));

    assert_eq!(request.tags.iter().collect::<Vec<_>>(), ["layer", "one", "two"]);
    assert_eq!(request.metadata["tenant"], "acme");
    assert!(!request.metadata.contains_key("other"));
    assert_eq!(outgoing["baggage"], INCOMING);
}

#[test]
fn tags_and_metadata_are_sent_where_that_is_set() {
    let send = Propagation::default().accept_tags().send_tags().send_metadata(["user_id", "tenant"]);
    let (_, outgoing) = continued(layer().propagate(send));

    let baggage: Vec<_> = outgoing["baggage"].split(',').collect();
    let expected = [
        // The layer does not accept these, so they are those of the caller.
        "promptlayer.metadata.tenant=acme",
        "promptlayer.metadata.other=x",
        "vendor=7;p=1",
        "promptlayer.tags=one%2Ctwo%2Cthree",
        "promptlayer.metadata.user_id=u%201",
    ];
    assert_eq!(baggage, expected);
}

#[test]
fn accepted_values_are_inherited_by_spans_deep_inside() {
    let accept = Propagation::default().accept_metadata(["tenant"]);
    let captured = captured_with(layer().propagate(accept), || {
        continue_from(&incoming()).metadata([("k", "scope")]).in_scope(|| work(|| work(|| ask("why?"))));
    });

    let metadata = &captured.requests()[0].metadata;
    assert_eq!((&*metadata["tenant"], &*metadata["k"]), ("acme", "scope"));
}

#[test]
fn baggage_without_a_trace_is_read_too() {
    let mut incoming = incoming();
    incoming.remove("traceparent");
    let captured = captured_with(layer().propagate(Propagation::default().accept_tags()), || {
        continue_from(&incoming).in_scope(|| {
            ask("why?");
            assert_eq!(work(injected)["baggage"], INCOMING);
        });
    });

    assert_eq!(captured.requests()[0].tags.iter().collect::<Vec<_>>(), ["one", "two"]);
}
