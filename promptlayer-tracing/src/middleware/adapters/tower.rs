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
///
/// Its name, and those of the bodies, are needed where a client is kept in a struct:
///
/// ```
/// use std::error::Error;
/// use std::future::{Ready, ready};
/// use std::io;
/// use std::task::{Context, Poll};
///
/// use http::{Request, Response};
/// use promptlayer_tracing::middleware::{
///     PromptLayerMiddleware, PromptLayerService, RequestBody, ResponseBody,
/// };
/// use tower_layer::Layer;
/// use tower_service::Service;
///
/// /// An HTTP client. It receives the body of a request in a `RequestBody`.
/// struct Http;
///
/// impl Service<Request<RequestBody<String>>> for Http {
///     type Response = Response<String>;
///     type Error = io::Error;
///     type Future = Ready<io::Result<Response<String>>>;
///
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, request: Request<RequestBody<String>>) -> Self::Future {
///         // … send the request …
///         ready(Ok(Response::new(String::new())))
///     }
/// }
///
/// /// A client of a provider. It receives the body of a response in a `ResponseBody`.
/// struct Provider {
///     http: PromptLayerService<Http>,
/// }
///
/// impl Provider {
///     fn new() -> Self {
///         Self { http: PromptLayerMiddleware::new().layer(Http) }
///     }
///
///     async fn chat(
///         &mut self,
///         body: String,
///     ) -> Result<Response<ResponseBody<String>>, Box<dyn Error + Send + Sync>> {
///         let request = Request::post("https://api.openai.com/v1/chat/completions").body(body)?;
///         self.http.call(request).await
///     }
/// }
/// # fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # let response = runtime.block_on(Provider::new().chat("{}".to_owned()))?;
/// # assert_eq!(response.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PromptLayerService<S> {
    middleware: PromptLayerMiddleware,
    inner: S,
}

impl<S> PromptLayerService<S> {
    /// Begins the exchange of a request, if it is a model call.
    fn begin<B>(&self, request: &mut Request<B>) -> Option<Exchange> {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let address = Address::from_uri(request.uri(), host)?;
        let exchange = self.middleware.begin(&RequestHead {
            method: request.method(),
            address: &address,
            hosts: Hosts::Known,
            parent: None,
        })?;
        exchange.inject(address.host(), request.headers_mut());
        Some(exchange)
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

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mut exchange = self.begin(&mut request);
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
    /// The future of a response of [`PromptLayerService`]. It is only awaited: no code needs to name it.
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
