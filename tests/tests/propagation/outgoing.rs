//! The headers of the trace in requests.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response};
use promptlayer_tracing::middleware::PromptLayerMiddleware;
use promptlayer_tracing::propagation::{ContinueLayer, InjectLayer, Propagation};
use promptlayer_tracing::{LayerBuilder, in_memory::InMemory, layer, promptlayer};
use tests::in_memory::captured_with;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use super::{PARENT, SPAN, TRACE, ask, parent, place};

/// Blocks on a future that needs the drivers of a runtime.
fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Returns the headers that a `tower` service received behind the middleware, for a model call to this host.
fn model_call(builder: LayerBuilder, host: &str) -> (HeaderMap, InMemory) {
    let received = Arc::new(Mutex::new(HeaderMap::new()));
    let service = service_fn({
        let received = Arc::clone(&received);
        move |request: Request<_>| {
            let _: &promptlayer_tracing::middleware::RequestBody<String> = request.body();
            *received.lock().unwrap() = request.headers().clone();
            std::future::ready(Ok::<_, Infallible>(Response::new(String::new())))
        }
    });
    let middleware = PromptLayerMiddleware::new().host(host, "openai");
    let captured = captured_with(builder, || {
        run(async {
            let request =
                Request::post(format!("https://{host}/v1/chat/completions")).body("{}".to_owned()).unwrap();
            drop(middleware.layer(service).oneshot(request).await.unwrap());
        });
    });
    let received = received.lock().unwrap().clone();
    (received, captured)
}

#[test]
fn provider_of_models_receives_no_header_by_default() {
    for host in ["api.openai.com", "gateway.example"] {
        let (headers, captured) = model_call(layer().propagate(Propagation::default().send_tags()), host);
        assert_eq!(captured.requests().len(), 1);
        assert!(!headers.contains_key("traceparent"), "{headers:?}");
    }
}

#[test]
fn allowed_gateway_receives_the_place_of_the_model_call() {
    let allow = || layer().propagate(Propagation::default().hosts(["*.example"]));
    let (headers, captured) = model_call(allow(), "gateway.example");
    assert_eq!(headers["traceparent"].to_str().unwrap(), place(&captured.spans()[0]));
    assert!(!model_call(allow(), "gateway.example.org").0.contains_key("traceparent"));
}

/// Starts an axum service that continues the trace of its requests, and returns its address.
async fn serve() -> String {
    #[promptlayer(kind = "chain")]
    async fn handle() -> String {
        tokio::task::yield_now().await;
        ask("why?")
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/", axum::routing::get(handle)).layer(ContinueLayer::new());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}/")
}

#[promptlayer(kind = "tool", skip_all)]
async fn get(client: &reqwest_middleware::ClientWithMiddleware, url: &str) -> String {
    client.get(url).send().await.unwrap().text().await.unwrap()
}

fn client(layer: InjectLayer) -> reqwest_middleware::ClientWithMiddleware {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    reqwest_middleware::ClientBuilder::new(client).with(layer).build()
}

#[test]
fn service_continues_the_trace_of_its_client() {
    let captured = captured_with(layer(), || {
        run(async {
            let url = serve().await;
            get(&client(InjectLayer::new()), &url).await;
            let allowed = client(InjectLayer::new().hosts(["127.0.0.1"]));
            get(&allowed, &url).await;
        });
    });

    let spans = captured.spans();
    assert_eq!(spans.len(), 6);
    for call in spans.chunks(3) {
        let [ask, handle, get] = call else { panic!("{call:?}") };
        assert_eq!((handle.trace_id, handle.parent_id), (get.trace_id, Some(get.span_id)));
        assert_eq!((ask.trace_id, ask.parent_id), (get.trace_id, Some(handle.span_id)));
    }
}

#[test]
fn client_with_a_list_of_hosts_sends_others_nothing() {
    let captured = captured_with(layer(), || {
        run(async {
            let url = serve().await;
            get(&client(InjectLayer::new().hosts(["orders.internal"])), &url).await;
        });
    });

    let spans = captured.spans();
    let [_, handle, get] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(handle.parent_id, None);
    assert_ne!(handle.trace_id, get.trace_id);
}

#[promptlayer(kind = "tool", skip_all)]
async fn send(sent: impl Future<Output = Result<Response<String>, Infallible>>) {
    sent.await.unwrap();
}

#[test]
fn tower_client_injects_and_tower_service_continues() {
    let captured = captured_with(layer(), || {
        run(async {
            // Part of the work is done in `call`, before the future is polled.
            let handle = service_fn(|_: Request<()>| {
                ask("in call");
                async { Ok::<_, Infallible>(Response::new(ask("in future"))) }
            });
            let mut service = InjectLayer::new().layer(ContinueLayer::new().layer(handle));
            send(async {
                let request = Request::get("http://orders.internal/").body(()).unwrap();
                service.ready().await?.call(request).await
            })
            .await;

            let mut service = ContinueLayer::new().layer(handle);
            let request = Request::get("/").header("traceparent", PARENT).body(()).unwrap();
            service.ready().await.unwrap().call(request).await.unwrap();
        });
    });

    let spans = captured.spans();
    let [call, future, send, of_header @ ..] = &spans[..] else { panic!("{spans:?}") };
    for span in [call, future] {
        assert_eq!((span.trace_id, span.parent_id), (send.trace_id, Some(send.span_id)));
    }
    assert_eq!(of_header.len(), 2);
    for span in of_header {
        assert_eq!((span.trace_id.to_string().as_str(), parent(span).as_deref()), (TRACE, Some(SPAN)));
    }
}
