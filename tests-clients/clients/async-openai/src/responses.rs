//! Responses.

use async_openai::error::OpenAIError;
use async_openai::types::responses::{
    CreateResponse, FunctionTool, InputParam, OutputItem, Response, ResponseStream, ResponseStreamEvent, Tool,
};
use futures::TryStreamExt;
use harness::wire::openai_responses;
use harness::{Api, Case, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema};
use promptlayer_tracing::promptlayer;

use crate::{OpenAI, connect};

const MODEL: &str = "gpt-5.4-mini";

pub(crate) fn api() -> Api {
    Api::new("responses", openai_responses::wire("openai", MODEL))
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply)
}

#[promptlayer]
async fn create(client: &OpenAI, request: CreateResponse) -> Result<Response, OpenAIError> {
    client.responses().create(request).await
}

#[promptlayer]
async fn create_stream(client: &OpenAI, request: CreateResponse) -> Result<ResponseStream, OpenAIError> {
    client.responses().create_stream(request).await
}

fn request() -> CreateResponse {
    CreateResponse {
        model: Some(MODEL.to_owned()),
        instructions: Some(SYSTEM.to_owned()),
        input: InputParam::Text(QUESTION.to_owned()),
        ..CreateResponse::default()
    }
}

async fn reply(url: String) -> Outcome {
    let response = create(&connect(&url), request()).await?;
    Ok(response.output_text().ok_or("no text")?)
}

async fn stream(url: String) -> Outcome {
    let events: Vec<_> = create_stream(&connect(&url), request()).await?.try_collect().await?;
    let delta = |event| match event {
        ResponseStreamEvent::ResponseOutputTextDelta(event) => Some(event.delta),
        _ => None,
    };
    Ok(events.into_iter().filter_map(delta).collect())
}

async fn tools(url: String) -> Outcome {
    let tool = FunctionTool {
        name: TOOL.to_owned(),
        description: Some(TOOL_DESCRIPTION.to_owned()),
        parameters: Some(tool_schema()),
        ..FunctionTool::default()
    };
    let request = CreateResponse { tools: Some(vec![Tool::Function(tool)]), ..request() };
    match create(&connect(&url), request).await?.output.as_slice() {
        [OutputItem::FunctionCall(call)] => Ok(format!("{} {}", call.name, call.arguments)),
        other => Err(format!("{other:?}").into()),
    }
}
