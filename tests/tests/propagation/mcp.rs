//! A tool call over the Model Context Protocol continues the trace.

use promptlayer_tracing::propagation::{Propagation, continue_from_meta, inject_meta};
use promptlayer_tracing::{layer, promptlayer, scope};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, RequestMetaObject,
};
use rmcp::service::{Peer, RequestContext, RoleClient, RoleServer};
use rmcp::{ServerHandler, serve_client, serve_server};
use tests::in_memory::captured_with;

#[promptlayer(kind = "tool")]
async fn weather(city: &str) -> String {
    tokio::task::yield_now().await;
    format!("{city}: {}", super::ask("weather?"))
}

struct Server;

impl ServerHandler for Server {
    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = continue_from_meta(&context.meta.0).run(async { weather(&call.name).await }).await;
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

#[promptlayer(kind = "agent", skip_all)]
async fn agent(server: &Peer<RoleClient>) {
    let mut meta = RequestMetaObject::new();
    inject_meta(&mut meta.0);
    let mut call = CallToolRequestParams::new("Oslo");
    call.meta = Some(meta);
    server.call_tool(call).await.unwrap();
}

#[test]
fn tool_call_continues_the_trace() {
    let propagation = Propagation::default().accept_metadata(["user_id"]).send_metadata(["user_id"]);
    let captured = captured_with(layer().propagate(propagation), || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (of_client, of_server) = tokio::io::duplex(4096);
            let server = tokio::spawn(async { serve_server(Server, of_server).await.unwrap() });
            let client = serve_client((), of_client).await.unwrap();
            scope().user("u-1").run(agent(client.peer())).await;
            client.cancel().await.unwrap();
            server.await.unwrap().cancel().await.unwrap();
        });
    });

    let spans = captured.spans();
    let [ask, weather, agent] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((weather.trace_id, weather.parent_id), (agent.trace_id, Some(agent.span_id)));
    assert_eq!((ask.trace_id, ask.parent_id), (agent.trace_id, Some(weather.span_id)));
    assert_eq!(ask.request.as_ref().unwrap().metadata["user_id"], "u-1");
}
