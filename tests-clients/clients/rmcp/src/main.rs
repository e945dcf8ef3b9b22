//! The cases of `rmcp`: a call of a tool is a span, and not a request log. The server is in the same process.

use std::process::ExitCode;

use harness::{ANSWER, ARGUMENTS, Api, Case, Client, TOOL};
use promptlayer_tracing::in_memory::CapturedSpan;
use promptlayer_tracing::promptlayer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleClient, RoleServer, RunningService};
use rmcp::{ErrorData, ServerHandler, ServiceError, ServiceExt};
use tracing_subscriber::prelude::*;

/// The server's words about a tool that it does not have.
const UNKNOWN: &str = "there is no such tool";
/// The words of a tool that failed.
const FAILED: &str = "there is no such city";

fn client() -> Client {
    let tools = Api::without_requests("tools/call")
        .needs("`kind = \"tool\"`, because a call of a tool is a span, and not a request log")
        .check(Case::Tools, tool)
        .check(Case::Error, errors);
    Client::new(env!("CARGO_PKG_NAME"), "rmcp").api(tools)
}

#[promptlayer(kind = "tool")]
async fn call_tool(
    client: &RunningService<RoleClient, ()>,
    request: CallToolRequestParams,
) -> Result<CallToolResult, ServiceError> {
    client.call_tool(request).await
}

/// A server with the tool, which knows the weather in Paris only.
struct Weather;

impl ServerHandler for Weather {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if request.name != TOOL {
            return Err(ErrorData::invalid_params(UNKNOWN, None));
        }
        let city = request.arguments.as_ref().and_then(|arguments| arguments.get("city")?.as_str());
        Ok(CallToolResponse::Complete(match city {
            Some("Paris") => CallToolResult::success(vec![ContentBlock::text(ANSWER)]),
            _ => CallToolResult::error(vec![ContentBlock::text(FAILED)]),
        }))
    }
}

/// Calls a tool and returns its span.
fn span_of(name: &'static str, arguments: &str) -> CapturedSpan {
    let arguments = serde_json::from_str(arguments).expect("the arguments are JSON");
    let request = CallToolRequestParams::new(name).with_arguments(arguments);
    let (layer, captured) = promptlayer_tracing::layer().in_memory().expect("a layer");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        runtime.block_on(async {
            let (near, far) = tokio::io::duplex(4096);
            let server = tokio::spawn(async { Weather.serve(far).await.expect("a server").waiting().await });
            let client = ().serve(near).await.expect("a client");
            drop(call_tool(&client, request).await);
            client.cancel().await.expect("the client ends");
            server.await.expect("no panic").expect("the server ends");
        });
    });
    let mut spans = captured.spans();
    spans.retain(|span| span.name == "call_tool");
    <[CapturedSpan; 1]>::try_from(spans).map(|[span]| span).expect("one span")
}

fn tool() -> Result<(), String> {
    let span = span_of(TOOL, ARGUMENTS);
    let input = span.function_input.clone().unwrap_or_default();
    let output = span.function_output.clone().unwrap_or_default();
    let is_whole = input.contains(TOOL) && input.contains(ARGUMENTS) && output.contains(ANSWER);
    let is_right = is_whole && span.request.is_none() && span.error.is_none();
    if is_right { Ok(()) } else { Err(format!("{span:?}")) }
}

fn errors() -> Result<(), String> {
    for (name, arguments, words) in [("news", ARGUMENTS, UNKNOWN), (TOOL, r#"{"city":"Atlantis"}"#, FAILED)] {
        let span = span_of(name, arguments);
        if span.request.is_some() || !span.error.as_deref().unwrap_or_default().contains(words) {
            return Err(format!("{span:?}"));
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
