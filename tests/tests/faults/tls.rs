//! Servers without a valid certificate.

use std::sync::mpsc::channel;

use promptlayer_tracing::export::{DropReason, RetryPolicy};
use reqwest::Certificate as Authority;
use tests::tls::{Certificate, Tls};

use super::*;

/// Builds a layer that trusts only this certificate authority.
fn trusting(url: &str, authority: &[u8]) -> LayerBuilder {
    let authority = Authority::from_der(authority).unwrap();
    layer_for(url).http(move |http| http.tls_certs_only([authority.clone()]))
}

#[test]
fn server_of_a_private_authority_is_trusted_if_configured() {
    let recorder = Recorder::start().unwrap();
    let tls = Tls::start(recorder.url(), Certificate::Good).unwrap();
    assert_all_arrive(&recorder, trusting(tls.url(), tls.authority()));
}

#[test]
fn server_without_a_valid_certificate_gets_nothing() {
    for certificate in [Certificate::SelfSigned, Certificate::Expired] {
        let recorder = Recorder::start().unwrap();
        let tls = Tls::start(recorder.url(), certificate).unwrap();
        assert_nothing_is_sent(&recorder, trusting(tls.url(), tls.authority()));
    }
    // A server with a certificate from an unknown authority gets nothing either.
    let recorder = Recorder::start().unwrap();
    let tls = Tls::start(recorder.url(), Certificate::Good).unwrap();
    assert_nothing_is_sent(&recorder, layer_for(tls.url()));
}

#[test]
fn plain_port_addressed_by_https_gets_nothing() {
    let recorder = Recorder::start().unwrap();
    assert_nothing_is_sent(&recorder, layer_for(&recorder.url().replace("http://", "https://")));
}

fn assert_nothing_is_sent(recorder: &Recorder, builder: LayerBuilder) {
    let (told, errors) = channel();
    let policy = RetryPolicy::max_age(quick(), Duration::from_millis(200));
    let builder = builder.retry(policy).on_error(move |error| told.send(error.is_connect()).unwrap());
    let stats = after(builder, || ask_times(10));
    assert_eq!(stats.spans.dropped, [(DropReason::Expired, 10)].into(), "{stats:#?}");
    assert_eq!(errors.iter().collect::<Vec<_>>(), [true]);
    assert!(recorder.requests().is_empty());
}
