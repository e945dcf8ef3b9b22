//! The layer of the crate `tower`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::HOST;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::capture::Failure;
use crate::middleware::PromptLayerMiddleware;
use crate::middleware::exchange::{Exchange, RequestHead, Responding};
use crate::middleware::request_body::RequestBody;
use crate::middleware::response_body::{BoxError, ResponseBody};
use crate::middleware::route::{Address, Hosts};

impl<S> Layer<S> for PromptLayerMiddleware {
    type Service = PromptLayerService<S>;

    fn layer(&self, inner: S) -> PromptLayerService<S> {
        PromptLayerService { middleware: self.clone(), inner }
    }
}

/// A service that logs the model calls among its requests. [`PromptLayerMiddleware`] makes it, as a layer of
/// `tower`.
#[derive(Debug, Clone)]
pub struct PromptLayerService<S> {
    middleware: PromptLayerMiddleware,
    inner: S,
}

impl<S> PromptLayerService<S> {
    /// Begins the exchange of a request, if it is a model call.
    fn begin<B>(&self, request: &Request<B>) -> Option<Exchange> {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let address = Address::from_uri(request.uri(), host)?;
        self.middleware.begin(&RequestHead {
            method: request.method(),
            address: &address,
            hosts: Hosts::Known,
            parent: None,
        })
    }
}

impl<S, B, R> Service<Request<B>> for PromptLayerService<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    B: Body + Unpin,
    R: Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut exchange = self.begin(&request);
        let (mut parts, body) = request.into_parts();
        let body = RequestBody::of_exchange(exchange.as_mut(), &mut parts.headers, body);
        let request = Request::from_parts(parts, body);
        let future = match &mut exchange {
            // The service may do a part of its work here.
            Some(exchange) => exchange.run(|| self.inner.call(request)),
            None => self.inner.call(request),
        };
        ResponseFuture { future: Responding::new(exchange, future) }
    }
}

pin_project! {
    /// The future of a response of [`PromptLayerService`].
    pub struct ResponseFuture<F> {
        #[pin]
        future: Responding<F>,
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (exchange, answered) = ready!(self.project().future.poll(context));
        Poll::Ready(match answered {
            Ok(response) => Ok(ResponseBody::of_exchange(exchange, response)),
            Err(error) => {
                let error = error.into();
                if let Some(exchange) = exchange {
                    exchange.failed(Failure::from_source(&*error, std::any::type_name::<E>()));
                }
                Err(error)
            }
        })
    }
}
