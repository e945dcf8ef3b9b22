//! The layers of the crate `tower`.

use std::task::{Context, Poll};

use http::Request;
use http::header::HOST;
use tower_layer::Layer;
use tower_service::Service;

use super::continue_from;
use super::outgoing::InjectLayer;
use crate::scope::Scoped;

/// Continues the trace of each request, for services of axum, tonic, or your own.
///
/// Calls that begin while the request is handled are children of the caller's span: see
/// [`continue_from`]. The body of a response is read later, outside of the scope. A span
/// that was opened while the request was handled carries it there.
///
/// ```
/// use promptlayer_tracing::propagation::{ContinueLayer, ContinueService};
/// use tower_layer::Layer;
///
/// fn wrap<S>(service: S) -> ContinueService<S> {
///     ContinueLayer::new().layer(service)
/// }
/// # wrap(());
/// ```
///
/// In axum: `Router::new().route(…).layer(ContinueLayer::new())`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ContinueLayer {
    _private: (),
}

impl ContinueLayer {
    /// Creates the layer.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S> Layer<S> for ContinueLayer {
    type Service = ContinueService<S>;

    fn layer(&self, inner: S) -> ContinueService<S> {
        ContinueService { inner }
    }
}

/// A service that continues the trace of each request. [`ContinueLayer`] makes it.
#[derive(Debug, Clone)]
pub struct ContinueService<S> {
    inner: S,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for ContinueService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Scoped<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        continue_from(request.headers()).run_made(|| self.inner.call(request))
    }
}

impl<S> Layer<S> for InjectLayer {
    type Service = InjectService<S>;

    fn layer(&self, inner: S) -> InjectService<S> {
        InjectService { layer: self.clone(), inner }
    }
}

/// A service whose requests carry the trace. [`InjectLayer`] makes it.
#[derive(Debug, Clone)]
pub struct InjectService<S> {
    layer: InjectLayer,
    inner: S,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for InjectService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let of_header = request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse().ok());
        let host = request.uri().authority().cloned().or(of_header);
        let host = host.as_ref().map(http::uri::Authority::host).unwrap_or_default().to_owned();
        self.layer.inject(&host, request.headers_mut());
        self.inner.call(request)
    }
}
