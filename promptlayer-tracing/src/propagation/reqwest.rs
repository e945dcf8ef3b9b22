//! The middleware of the crate `reqwest-middleware`.

use ::reqwest::{Request, Response};
use http::Extensions;
use reqwest_middleware::{Middleware, Next, Result};

use super::outgoing::InjectLayer;

#[async_trait::async_trait]
impl Middleware for InjectLayer {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let host = request.url().host_str().unwrap_or_default().to_owned();
        self.inject(&host, request.headers_mut());
        next.run(request, extensions).await
    }
}
