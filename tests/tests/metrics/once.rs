//! Each call is measured once, on the export thread, whatever happens to it afterwards.

use promptlayer_tracing::export::{Otlp, SpoolMode, SpoolSettings, Wire};
use tempfile::TempDir;
use tests::Reply;
use tests::pipeline::{BATCH, take_over};

use super::watched::Watched;
use super::*;

const MODES: [SpoolMode; 3] = [SpoolMode::OnFailure, SpoolMode::WriteAhead, SpoolMode::Synchronous];
const CALLS: u64 = 3 * BATCH as u64;

/// A change of the settings.
type Change = Box<dyn Fn(LayerBuilder, &TempDir) -> LayerBuilder>;

fn calls() {
    for _ in 0..CALLS {
        drop(complete(request()));
    }
}

#[test]
fn retried_and_split_calls_are_measured_once() {
    let (recorder, provider) = (Recorder::start().unwrap(), Provider::new());
    let replies =
        [Reply::status(503), Reply::reset(), Reply::status(422), Reply::status(500), Reply::status(413)];
    recorder.script("/spans-bulk", replies);
    let builder = layer_to(recorder.url()).retry(quick()).on_error(|_| {}).meter_provider(&provider.sdk);
    let (layer, guard) = builder.build().unwrap();
    with_default(&dispatch(layer), calls);
    let stats = guard.shutdown(LONG);
    assert!(stats.spans.delivered == CALLS && stats.retries > 0, "{stats:#?}");
    let metrics = provider.collect();
    assert_eq!((metrics.count(DURATION), metrics.count(INFERENCE)), (CALLS, CALLS));
}

#[test]
fn call_is_measured_by_the_run_that_made_it_in_every_spool_mode() {
    for mode in MODES {
        let folder = TempDir::new().unwrap();
        let recorder = Recorder::start().unwrap();
        recorder.decide(|_| Some(Reply::status(503)));
        let builder = |provider: &Provider| {
            layer_to(recorder.url())
                .retry(quick())
                .on_error(|_| {})
                .spool(SpoolSettings::new(folder.path()).mode(mode))
                .meter_provider(&provider.sdk)
        };
        let first = Provider::new();
        let (layer, guard) = builder(&first).build().unwrap();
        with_default(&dispatch(layer), calls);
        let left = guard.shutdown(Duration::from_secs(1));
        assert_eq!(left.spans.pending.spooled, CALLS, "{mode:?}: {left:#?}");
        assert_eq!(first.collect().count(DURATION), CALLS, "{mode:?}");

        recorder.decide(|_| None);
        let second = Provider::new();
        let (layer, guard) = take_over(&left, || builder(&second));
        with_default(&dispatch(layer), || drop(complete(request())));
        let stats = guard.shutdown(LONG);
        assert_eq!(stats.spans.delivered, CALLS + 1, "{mode:?}: {stats:#?}");
        assert_eq!(
            second.collect().count(DURATION),
            1,
            "{mode:?}: what an earlier run left is not measured again"
        );
    }
}

#[test]
fn only_the_export_thread_records() {
    let without = |builder: LayerBuilder, _: &TempDir| builder;
    let with_mode = |mode| {
        move |builder: LayerBuilder, folder: &TempDir| {
            builder.spool(SpoolSettings::new(folder.path()).mode(mode))
        }
    };
    let on_calling_thread = |builder: LayerBuilder, _: &TempDir| builder.redact(|_| {});
    let mut changes: Vec<Change> = vec![Box::new(without), Box::new(on_calling_thread)];
    changes.extend(MODES.map(|mode| Box::new(with_mode(mode)) as Change));
    for (at, change) in changes.into_iter().enumerate() {
        let folder = TempDir::new().unwrap();
        let (recorder, watched) = (Recorder::start().unwrap(), Watched::default());
        let builder = layer_to(recorder.url()).meter_provider(&watched);
        let (layer, guard) = change(builder, &folder).build().unwrap();
        with_default(&dispatch(layer), calls);
        let stats = guard.shutdown(LONG);
        assert_eq!(stats.spans.delivered, CALLS, "{at}: {stats:#?}");
        for metric in [DURATION, INFERENCE, "gen_ai.client.inference.usage.input_tokens"] {
            assert_eq!(
                watched.threads_of(metric),
                [("pl-export".to_owned(), CALLS)].into(),
                "{at}: {metric}"
            );
        }
    }
}

#[test]
fn meter_that_panics_loses_no_call() {
    for mode in [None, Some(SpoolMode::Synchronous)] {
        let folder = TempDir::new().unwrap();
        let (recorder, watched) = (Recorder::start().unwrap(), Watched::panicking());
        let builder = layer_to(recorder.url()).meter_provider(&watched);
        let builder = match mode {
            Some(mode) => builder.spool(SpoolSettings::new(folder.path()).mode(mode)),
            None => builder,
        };
        let (layer, guard) = builder.build().unwrap();
        with_default(&dispatch(layer), calls);
        let stats = guard.shutdown(LONG);
        assert_eq!((stats.spans.accepted, stats.spans.delivered), (CALLS, CALLS), "{stats:#?}");
        assert_eq!((stats.panics, stats.unmeasured), (0, CALLS), "{stats:#?}");
    }
}

#[test]
fn call_that_was_sent_as_unfinished_is_measured_when_it_ends() {
    #[promptlayer]
    fn ask(question: &str, inside: impl FnOnce()) -> String {
        inside();
        question.to_uppercase()
    }
    let (recorder, provider) = (Recorder::start().unwrap(), Provider::new());
    let builder = layer_to(recorder.url()).open_calls(true).meter_provider(&provider.sdk);
    let (layer, guard) = builder.build().unwrap();
    with_default(&dispatch(layer), || {
        ask("why?", || {
            assert!(guard.flush(LONG).is_complete());
            assert_eq!(guard.stats().spans.delivered, 1, "the unfinished span");
            assert!(provider.collect().values(DURATION).is_empty());
        })
    });
    assert_eq!(guard.shutdown(LONG).spans.delivered, 2);
    assert_eq!(provider.collect().count(DURATION), 1);
}

#[test]
fn call_for_two_destinations_is_measured_once() {
    for mode in [None, Some(SpoolMode::WriteAhead), Some(SpoolMode::Synchronous)] {
        let folder = TempDir::new().unwrap();
        let (recorder, provider, watched) = (Recorder::start().unwrap(), Provider::new(), Watched::default());
        let build = |provider: &dyn Fn(LayerBuilder) -> LayerBuilder| {
            // Nothing listens there.
            let otlp = Otlp::collector().endpoint("http://127.0.0.1:9/v1/traces");
            let builder = layer_to(recorder.url()).wire(Wire::SpansBulkAndOtlp).otlp(otlp).on_error(|_| {});
            let builder = provider(builder);
            match mode {
                Some(mode) => builder.spool(SpoolSettings::new(folder.path()).mode(mode)),
                None => builder,
            }
            .build()
            .unwrap()
        };
        let (layer, guard) = build(&|builder| builder.meter_provider(&watched));
        with_default(&dispatch(layer), calls);
        let _ = guard.shutdown(Duration::from_secs(1));
        assert_eq!(watched.threads_of(DURATION), [("pl-export".to_owned(), CALLS)].into(), "{mode:?}");

        let (layer, guard) = build(&|builder| builder.meter_provider(&provider.sdk));
        let dispatch = dispatch(layer);
        let before = guard.stats();
        with_default(&dispatch, calls);
        let stats = guard.shutdown(Duration::from_secs(1));
        let metrics = provider.collect();
        assert_eq!(metrics.count(DURATION), CALLS, "{mode:?}");
        let otlp = stats.otlp.as_ref().unwrap();
        let accepted = |destination: &str| {
            metrics.number("promptlayer.spans.accepted", Some(("destination", destination)))
        };
        assert_eq!((accepted("spans_bulk"), accepted("otlp")), (stats.spans.accepted, otlp.spans.accepted));
        assert_eq!(stats.spans.accepted, before.spans.accepted + CALLS, "{mode:?}");
        assert_eq!(stats.spans.delivered, stats.spans.accepted, "{mode:?}: {stats:#?}");
        assert_eq!(otlp.spans.delivered, 0, "{mode:?}");
    }
}

#[test]
fn disabled_layer_and_layer_in_memory_measure_nothing() {
    let provider = Provider::new();
    let builder = || promptlayer_tracing::layer().meter_provider(&provider.sdk);
    let (layer, guard) = builder().disabled(true).build().unwrap();
    with_default(&dispatch(layer), calls);
    let (layer, captured) = builder().in_memory().unwrap();
    with_default(&dispatch(layer), calls);
    assert_eq!(captured.requests().len() as u64, CALLS);
    assert!(provider.collect().names().is_empty());
    drop(guard);
}
