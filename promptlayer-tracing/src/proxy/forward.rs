//! Sends one request on to the provider, and its response back.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, EXPECT, HOST, HeaderName, HeaderValue, ORIGIN,
};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use reqwest::{Body, Client, Url};
use serde_json::json;
use tracing::dispatcher::{self, Dispatch};

use super::scopes::{Scope, Scopes, UnknownScope};
use crate::capture::Failure;
use crate::middleware::{
    Address, Exchange, Hosts, PromptLayerMiddleware, RequestBody, RequestHead, Responding, ResponseBody,
};

/// The headers that belong to one connection, besides those that `connection` names.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The body of a response to a client.
pub(super) type ReplyBody = ResponseBody<Body>;

/// Sends requests on to one provider.
pub(super) struct Forwarder {
    /// The port of the proxy.
    pub(super) port: u16,
    pub(super) upstream: Url,
    pub(super) provider: Option<String>,
    pub(super) middleware: PromptLayerMiddleware,
    pub(super) client: Client,
    pub(super) scopes: Arc<Scopes>,
    /// The subscriber of calls outside a scope. `None` is the global one.
    pub(super) dispatch: Option<Dispatch>,
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Forwarder").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Forwarder {
    /// Answers a request.
    pub(super) async fn forward(&self, request: Request<Incoming>) -> Response<ReplyBody> {
        match self.send(request).await {
            Ok(response) => response,
            Err(refusal) => refusal.response(),
        }
    }

    async fn send(&self, request: Request<Incoming>) -> Result<Response<ReplyBody>, Refusal> {
        let (mut parts, body) = request.into_parts();
        self.check(&parts.uri, &parts.headers)?;
        let (scope, path) = self.scopes.split(parts.uri.path()).map_err(|UnknownScope| Refusal::Scope)?;
        let url = self.url(path, parts.uri.query())?;
        let mut exchange = self.begin(&parts.method, &url, scope.as_ref());
        drop(scope);

        remove_hop_by_hop(&mut parts.headers);
        for header in [HOST, EXPECT] {
            parts.headers.remove(header);
        }
        // A compressed response cannot be logged.
        parts.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));

        if let Some(exchange) = &exchange {
            exchange.inject(url.host_str().unwrap_or_default(), &mut parts.headers);
        }

        let is_empty = body.is_end_stream();
        let mut body = RequestBody::of_exchange(exchange.as_mut(), &mut parts.headers, body);
        if let Some(exchange) = &exchange
            && exchange.takes_stream_options()
        {
            poll_fn(|context| Pin::new(&mut body).poll_whole(context, exchange.limit())).await;
            body.include_usage(&mut parts.headers);
        }
        let mut request = self.client.request(parts.method, url).headers(parts.headers);
        if !is_empty {
            request = request.body(Body::wrap(body));
        }
        match Responding::new(exchange, request.send()).await {
            (exchange, Ok(response)) => {
                let mut response = Response::<Body>::from(response);
                remove_hop_by_hop(response.headers_mut());
                let (head, body) = ResponseBody::of_exchange(exchange, response).into_parts();
                let mut response = Response::new(body);
                *response.status_mut() = head.status;
                *response.headers_mut() = head.headers;
                Ok(response)
            }
            (exchange, Err(error)) => {
                let failure = Failure::from_source(&error, std::any::type_name::<reqwest::Error>());
                let message = failure.chain.join(": ");
                if let Some(exchange) = exchange {
                    exchange.failed(failure);
                }
                Err(Refusal::Unreachable(message))
            }
        }
    }

    /// Refuses requests that no client of this machine made for this proxy.
    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = uri.authority().map(http::uri::Authority::as_str).or(host).ok_or(Refusal::Host)?;
        let host: http::uri::Authority = host.parse().map_err(|_| Refusal::Host)?;
        if !is_loopback(host.host()) || host.port_u16().unwrap_or(80) != self.port {
            return Err(Refusal::Host);
        }
        let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
        match origin.as_ref().and_then(Uri::host) {
            Some(host) if is_loopback(host) => Ok(()),
            _ => Err(Refusal::Origin),
        }
    }

    /// Returns the provider's address of a request. Only its path and query depend on the request.
    fn url(&self, path: &str, query: Option<&str>) -> Result<Url, Refusal> {
        if !path.is_empty() && !path.starts_with('/') {
            return Err(Refusal::Path);
        }
        let mut url = self.upstream.clone();
        url.set_path(&format!("{}{path}", self.upstream.path().trim_end_matches('/')));
        url.set_query(query);
        Ok(url)
    }

    /// Begins the exchange of a request, if it is a model call, under the subscriber that it belongs to.
    fn begin(&self, method: &http::Method, url: &Url, scope: Option<&Scope>) -> Option<Exchange> {
        let address = Address::from_uri(&url.as_str().parse().ok()?, None)?;
        let begin = || {
            self.middleware.begin(&RequestHead {
                method,
                address: &address,
                hosts: Hosts::All(self.provider.as_deref()),
                parent: scope.map(|scope| &scope.span),
            })
        };
        match scope.map(|scope| &scope.dispatch).or(self.dispatch.as_ref()) {
            Some(dispatch) => dispatcher::with_default(dispatch, begin),
            None => begin(),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|own| host.eq_ignore_ascii_case(own))
}

/// Removes the headers that belong to one connection.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().map(HeaderName::as_str).chain(HOP_BY_HOP.iter().copied()) {
        headers.remove(name);
    }
}

/// Why a request is not sent on, or has no response.
#[derive(Debug)]
enum Refusal {
    Host,
    Origin,
    Scope,
    Path,
    Unreachable(String),
}

impl Refusal {
    /// Returns the response in the form in which providers report errors.
    fn response(self) -> Response<ReplyBody> {
        let (status, message) = match self {
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "the request's host is not this proxy: use the address that the proxy gives".to_owned(),
            ),
            Self::Origin => {
                (StatusCode::FORBIDDEN, "web pages of other origins may not use this proxy".to_owned())
            }
            Self::Scope => (
                StatusCode::NOT_FOUND,
                "this address was closed: use it only while the value that `Proxy::scoped` returned lives"
                    .to_owned(),
            ),
            Self::Path => (StatusCode::BAD_REQUEST, "the request has no path".to_owned()),
            Self::Unreachable(message) => (StatusCode::BAD_GATEWAY, message),
        };
        let error = json!({"error": {"message": format!("PromptLayer's proxy: {message}"), "type": "promptlayer_proxy"}});
        let mut response = Response::new(ResponseBody::new(Body::from(error.to_string()), None));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_one_connection_are_removed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Hop"),
            ("connection", "x-other"),
            ("x-hop", "1"),
            ("x-other", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("proxy-authorization", "Basic x"),
            ("authorization", "Bearer x"),
            ("x-request-id", "1"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        remove_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["authorization", "x-request-id"]);
    }
}
