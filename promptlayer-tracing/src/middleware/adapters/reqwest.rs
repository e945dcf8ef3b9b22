//! The middleware of the crate `reqwest-middleware`.

use ::reqwest::{Body, Request, Response, ResponseBuilderExt as _};
use http::Extensions;
use http::header::CONTENT_LENGTH;
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::capture::Failure;
use crate::middleware::PromptLayerMiddleware;
use crate::middleware::exchange::{Exchange, RequestHead, Responding};
use crate::middleware::reply::Reply;
use crate::middleware::response_body::ResponseBody;
use crate::middleware::route::{Address, Hosts};
use crate::middleware::usage;

#[async_trait::async_trait]
impl Middleware for PromptLayerMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let Some(exchange) = begin(self, &mut request) else { return next.run(request, extensions).await };
        let sent = Responding::new(Some(exchange), next.run(request, extensions)).await;
        match sent {
            (Some(exchange), Ok(response)) => Ok(read(exchange, response)),
            (Some(exchange), Err(error)) => {
                exchange.failed(failure(&error));
                Err(error)
            }
            (None, answered) => answered,
        }
    }
}

/// Begins the exchange of a request, if it is a model call.
fn begin(middleware: &PromptLayerMiddleware, request: &mut Request) -> Option<Exchange> {
    let uri = request.url().as_str().parse().ok()?;
    let address = Address::from_uri(&uri, None)?;
    let mut exchange = middleware.begin(&RequestHead {
        method: request.method(),
        address: &address,
        hosts: Hosts::Known,
        parent: None,
    })?;
    if exchange.takes_stream_options()
        && let Some(changed) = body_of(request).and_then(usage::with_usage)
    {
        // Without the header, reqwest sends the length of the body.
        request.headers_mut().remove(CONTENT_LENGTH);
        *request.body_mut() = Some(Body::from(changed));
    }
    exchange.inject(address.host(), request.headers_mut());
    exchange.request_body(request.headers(), body_of(request));
    Some(exchange)
}

/// Returns the body of a request. Returns `None` if it is a stream.
fn body_of(request: &Request) -> Option<&[u8]> {
    request.body().map_or(Some(&[]), Body::as_bytes)
}

/// Wraps the body of a response, so that the call ends when the body ends.
fn read(exchange: Exchange, response: Response) -> Response {
    let Some(reply) = Reply::begin(exchange, response.status(), response.headers()) else { return response };
    let url = response.url().clone();
    let (mut parts, body) = http::Response::<Body>::from(response).into_parts();
    // The URL is in an extension whose type is private to reqwest. Only this builder can create it.
    if let Ok(carrier) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(carrier.into_parts().0.extensions);
    }
    let body = Body::wrap(ResponseBody::new(body, Some(reply)));
    Response::from(http::Response::from_parts(parts, body))
}

/// Captures the error of a request that received no response.
fn failure(error: &Error) -> Failure {
    match error {
        Error::Reqwest(error) => Failure::from_source(error, std::any::type_name::<::reqwest::Error>()),
        Error::Middleware(error) => {
            let error: &(dyn std::error::Error + Send + Sync) = error.as_ref();
            Failure::from_source(error, std::any::type_name::<Error>())
        }
    }
}
