//! The interceptor of the AWS SDK.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
    FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::capture::Failure;
use crate::middleware::PromptLayerMiddleware;
use crate::middleware::exchange::{Exchange, RequestHead};
use crate::middleware::reply::{EXCEPTION, Reply};
use crate::middleware::response_body::ResponseBody;
use crate::middleware::route::{Address, Hosts};

/// The services of the SDK that call models, with the name of the provider.
const SERVICES: &[(&str, &str)] = &[("bedrock runtime", "amazon.bedrock")];

/// The exchange of an attempt, between the hooks of the interceptor.
struct Attempt(Mutex<Option<Exchange>>);

impl Attempt {
    fn take(&self) -> Option<Exchange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Attempt").finish_non_exhaustive()
    }
}

impl Storable for Attempt {
    type Storer = StoreReplace<Self>;
}

impl Intercept for PromptLayerMiddleware {
    fn name(&self) -> &'static str {
        "PromptLayerMiddleware"
    }

    /// Begins the exchange of an attempt. The request is complete and signed. A header of the trace is not part of what
    /// was signed.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // The end of an earlier attempt that the SDK gave up.
        drop(config.load::<Attempt>().and_then(Attempt::take));
        let request = context.request_mut();
        let service = config.load::<Metadata>().map_or("", Metadata::service);
        let known = SERVICES.iter().find(|(name, _)| service.eq_ignore_ascii_case(name));
        let address = request.uri().parse().ok().and_then(|uri| Address::from_uri(&uri, None));
        let exchange = address.as_ref().and_then(|address| {
            self.begin(&RequestHead {
                method: &Method::from_bytes(request.method().as_bytes()).ok()?,
                address,
                hosts: known.map_or(Hosts::Known, |(_, provider)| Hosts::All(Some(provider))),
                parent: None,
            })
        });
        if let (Some(exchange), Some(address)) = (&exchange, &address) {
            exchange.inject(address.host(), &mut |name: &'static str, value: String| {
                request.headers_mut().insert(name, value);
            });
        }
        if let Some(mut exchange) = exchange {
            exchange.request_body(&headers(|name| request.headers().get(name)), request.body().bytes());
            config.interceptor_state().store_put(Attempt(Mutex::new(Some(exchange))));
        }
        Ok(())
    }

    /// Reads the response while its body passes.
    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(exchange) = config.load::<Attempt>().and_then(Attempt::take) else { return Ok(()) };
        let response = context.response_mut();
        let status = StatusCode::from_u16(response.status().as_u16())?;
        let headers = headers(|name| response.headers().get(name));
        if let Some(reply) = Reply::begin(exchange, status, &headers) {
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            *response.body_mut() = SdkBody::from_body_1_x(ResponseBody::new(body, Some(reply)));
        }
        Ok(())
    }

    /// Ends an attempt that received no response.
    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(exchange) = config.load::<Attempt>().and_then(Attempt::take) else { return Ok(()) };
        if let Some(Err(error)) = context.output_or_error() {
            let mut failure = Failure::from_source(error, std::any::type_name_of_val(error));
            failure.evidence.is_timeout |= error.is_timeout_error()
                || error.as_connector_error().is_some_and(ConnectorError::is_timeout);
            exchange.failed(failure);
        }
        Ok(())
    }
}

/// Returns the headers that describe a body, or name its exception.
fn headers<'a>(get: impl Fn(&str) -> Option<&'a str>) -> HeaderMap {
    let known: [HeaderName; 3] = [CONTENT_TYPE, CONTENT_ENCODING, HeaderName::from_static(EXCEPTION)];
    known
        .into_iter()
        .filter_map(|name| Some((name.clone(), HeaderValue::from_str(get(name.as_str())?).ok()?)))
        .collect()
}
