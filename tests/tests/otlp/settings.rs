//! The settings of the builder, and the variables of the environment.

use promptlayer_tracing::Client;
use promptlayer_tracing::export::Wire;
use tests::pipeline::KEY;
use tests::{Recorder, Request};

use super::*;

/// Makes a call under a layer that reads these variables. Returns the requests of its server.
fn sent<const N: usize>(
    recorder: &Recorder,
    variables: [(&str, &str); N],
    set_up: impl FnOnce(LayerBuilder) -> LayerBuilder,
) -> Vec<std::sync::Arc<Request>> {
    let builder = set_up(builder().env(Env::new(variables)));
    let stats = after(builder, || ask_times(1));
    assert!(stats.spans.is_complete(), "{stats:#?}");
    recorder.requests()
}

#[test]
fn collector_needs_no_key_and_never_receives_one() {
    let recorder = Recorder::start().unwrap();
    let endpoint = format!("{}/v1/traces", recorder.url());
    let variables = [("PROMPTLAYER_API_KEY", KEY), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint)];
    let requests = sent(&recorder, variables, |builder| builder.otlp(Otlp::collector()));
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((request.method.as_str(), &*request.path), ("POST", "/v1/traces"));
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(request.header("x-api-key"), None);
    assert!(!request.headers.values().any(|value| value == KEY));
    assert_eq!(request.spans().count(), 1);
}

#[test]
fn environment_of_opentelemetry_configures_a_collector() {
    let recorder = Recorder::start().unwrap();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", recorder.url()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20token-1,x-tenant=blue"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "30000"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test%20one,service.name=other"),
        ("OTEL_SERVICE_NAME", "mine"),
    ];
    let requests =
        sent(&recorder, variables, |builder| builder.otlp(Otlp::collector().header("x-tenant", "green")));
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(request.header("authorization"), Some("Bearer token-1"));
    assert_eq!((request.header("x-tenant"), request.header("content-encoding")), (Some("green"), None));
    let resource = &request.spans().next().unwrap()["resource"]["attributes"];
    assert_eq!(resource["deployment.environment.name"], "test one");
    assert_eq!(
        (&resource["service.name"], &resource["telemetry.sdk.language"]),
        (&"mine".into(), &"rust".into())
    );
}

#[test]
fn large_bodies_are_compressed_unless_told_otherwise() {
    for (gzip, calls, encoding) in
        [(None, 10, Some("gzip")), (Some(false), 10, None), (Some(true), 10, Some("gzip"))]
    {
        let recorder = Recorder::start().unwrap();
        let otlp = collector(recorder.url());
        let otlp = gzip.map_or(otlp.clone(), |gzip| otlp.gzip(gzip));
        let stats = after(builder().otlp(otlp), || ask_times(calls));
        assert!(stats.spans.is_complete());
        let largest = recorder.requests().into_iter().max_by_key(|request| request.spans().count()).unwrap();
        assert_eq!(largest.header("content-encoding"), encoding, "{gzip:?}");
        assert_eq!(recorder.accepted_spans().len(), calls);
    }
    // PromptLayer's REST API does not document it.
    let recorder = Recorder::start().unwrap();
    let stats = after(builder().api_key(KEY).base_url(recorder.url()), || ask_times(50));
    assert!(stats.spans.is_complete());
    assert!(recorder.requests().iter().all(|request| request.header("content-encoding").is_none()));
}

#[test]
fn promptlayer_receives_the_key_and_the_endpoint_names_its_server() {
    let recorder = Recorder::start().unwrap();
    let endpoint = format!("{}/v1/traces", recorder.url());
    let by_endpoint = [("PROMPTLAYER_OTLP_TRACES_ENDPOINT", endpoint.as_str()), ("PROMPTLAYER_API_KEY", KEY)];
    let by_base_url = [("PROMPTLAYER_BASE_URL", recorder.url()), ("PROMPTLAYER_API_KEY", KEY)];
    for variables in [by_endpoint, by_base_url] {
        // The headers of a collector are not for PromptLayer.
        let [first, second] = variables;
        let variables = [first, second, ("OTEL_EXPORTER_OTLP_HEADERS", "x-secret=collector")];
        let requests = sent(&recorder, variables, |builder| {
            builder.otlp(Otlp::promptlayer().header("x-extra", "more")).on_request_id(|_| {})
        });
        let [.., traces, reading] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!((&*traces.path, traces.header("x-api-key")), ("/v1/traces", Some(KEY)));
        assert_eq!((traces.header("x-extra"), traces.header("x-secret")), (Some("more"), None));
        assert!(reading.path.starts_with("/api/public/v2/traces/"), "{reading}");
    }
}

#[test]
fn contradictory_settings_are_errors() {
    let base = || builder().api_key(KEY).base_url("http://127.0.0.1:9");
    let to_collector = || Otlp::collector().endpoint("http://127.0.0.1:8/v1/traces");
    let client =
        || Client::builder().env(Env::empty()).api_key(KEY).base_url("http://127.0.0.1:9").build().unwrap();
    let cases: [(&str, LayerBuilder); 14] = [
        ("SpansBulkAndOtlp", base().wire(Wire::SpansBulk).otlp(to_collector())),
        ("SpansBulkAndOtlp", base().otlp(to_collector()).wire(Wire::LogRequest)),
        (".otlp(", base().wire(Wire::SpansBulkAndOtlp)),
        ("twice", base().wire(Wire::SpansBulkAndOtlp).otlp(Otlp::promptlayer())),
        (
            "twice",
            base()
                .wire(Wire::SpansBulkAndOtlp)
                .otlp(Otlp::collector().endpoint("http://127.0.0.1:9/v1/traces")),
        ),
        ("api_key", builder().api_key(KEY).otlp(to_collector())),
        ("base_url", builder().base_url("http://127.0.0.1:9").otlp(to_collector())),
        ("client", builder().client(client()).otlp(to_collector())),
        ("base URL", base().otlp(Otlp::promptlayer().endpoint("http://127.0.0.1:8/v1/traces"))),
        (
            "client",
            builder().client(client()).otlp(Otlp::promptlayer().endpoint("http://127.0.0.1:8/v1/traces")),
        ),
        ("/v1/traces", base().otlp(Otlp::promptlayer().endpoint("http://127.0.0.1:9/otlp"))),
        ("timeout", base().otlp(Otlp::promptlayer().timeout(LONG))),
        ("X-API-KEY", base().otlp(Otlp::promptlayer().header("x-api-key", "other"))),
        ("content-type", builder().otlp(to_collector().header("content-type", "text/plain"))),
    ];
    for (named, builder) in cases {
        let shown = format!("{builder:?}");
        let error = builder.build().err().unwrap_or_else(|| panic!("{named}: {shown}"));
        assert!(error.is_invalid_input(), "{named}: {error:?}");
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
    let missing = builder().otlp(Otlp::promptlayer()).build().unwrap_err();
    assert!(missing.is_missing_api_key());
    let missing = builder().otlp(to_collector()).wire(Wire::SpansBulkAndOtlp).build().unwrap_err();
    assert!(missing.is_missing_api_key());
}

#[test]
fn values_of_the_environment_that_cannot_be_used_are_errors() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no-equals-sign"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=%ff"),
    ] {
        let error = builder().env(Env::new([(name, value)])).otlp(Otlp::collector()).build().unwrap_err();
        assert!(error.is_invalid_input(), "{name}: {error:?}");
    }
    // Without `otlp`, these variables are for other exporters.
    let variables = [("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"), ("PROMPTLAYER_API_KEY", KEY)];
    let recorder = Recorder::start().unwrap();
    let requests = sent(&recorder, variables, |builder| builder.base_url(recorder.url()));
    assert!(requests.iter().all(|request| request.path == "/spans-bulk"));
}
