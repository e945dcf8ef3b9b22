//! `generateContent`, which the crate calls deprecated.
#![allow(deprecated)]

use futures::TryStreamExt;
use gemini_rust::{
    ClientError, ContentBuilder, FunctionDeclaration, GenerationResponse, GenerationStream, Tool,
};
use harness::wire::gemini;
use harness::{Api, Case, Field, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema};
use promptlayer_tracing::promptlayer;

use crate::connect;

const MODEL: &str = "gemini-2.5-flash";

pub(crate) fn api() -> Api {
    Api::new("generateContent", gemini::generate_content(MODEL))
        .needs("`input = request.clone().build()`, because the request has neither `Serialize` nor `Debug`")
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply)
        .lacks(Case::Error, Field::Model, "the request does not have it, only the reply")
}

#[promptlayer(input = request.clone().build())]
async fn generate(request: ContentBuilder) -> Result<GenerationResponse, ClientError> {
    request.execute().await
}

#[promptlayer(input = request.clone().build())]
async fn generate_stream(request: ContentBuilder) -> Result<GenerationStream, ClientError> {
    request.execute_stream().await
}

fn request(url: &str) -> ContentBuilder {
    connect(url, MODEL).generate_content().with_system_prompt(SYSTEM).with_user_message(QUESTION)
}

async fn reply(url: String) -> Outcome {
    Ok(generate(request(&url)).await?.text())
}

async fn stream(url: String) -> Outcome {
    let chunks: Vec<_> = generate_stream(request(&url)).await?.try_collect().await?;
    Ok(chunks.iter().map(GenerationResponse::text).collect())
}

async fn tools(url: String) -> Outcome {
    let function =
        FunctionDeclaration::new(TOOL, TOOL_DESCRIPTION, None).with_parameters_value(tool_schema());
    let response = generate(request(&url).with_tool(Tool::new(function))).await?;
    match response.function_calls().as_slice() {
        [call] => Ok(format!("{} {}", call.name, call.args)),
        other => Err(format!("{other:?}").into()),
    }
}
