//! Interactions.

use futures::TryStreamExt;
use gemini_rust::{
    ClientError, Interaction, InteractionBuilder, InteractionEvent, InteractionStream, Step, StepDeltaData,
};
use harness::wire::gemini;
use harness::{Api, Case, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema};
use promptlayer_tracing::promptlayer;

use crate::connect;

const MODEL: &str = "gemini-2.5-flash";

pub(crate) fn api() -> Api {
    Api::new("interactions", gemini::interactions(MODEL))
        .needs(
            "`input = request.clone().build().ok()`, because the request has neither `Serialize` nor `Debug`",
        )
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, tools)
        .case(Case::Error, reply)
}

#[promptlayer(input = request.clone().build().ok())]
async fn create(request: InteractionBuilder) -> Result<Interaction, ClientError> {
    request.execute().await
}

#[promptlayer(input = request.clone().build().ok())]
async fn create_stream(request: InteractionBuilder) -> Result<InteractionStream, ClientError> {
    request.execute_stream().await
}

fn request(url: &str) -> InteractionBuilder {
    let request = connect(url, MODEL).create_interaction().with_model(MODEL);
    request.with_system_instruction(SYSTEM).with_text(QUESTION)
}

async fn reply(url: String) -> Outcome {
    Ok(create(request(&url)).await?.output_text())
}

async fn stream(url: String) -> Outcome {
    let events: Vec<_> = create_stream(request(&url)).await?.try_collect().await?;
    let delta = |event| match event {
        InteractionEvent::StepDelta { delta: StepDeltaData::Text { text }, .. } => Some(text),
        _ => None,
    };
    Ok(events.into_iter().filter_map(delta).collect())
}

async fn tools(url: String) -> Outcome {
    let request = request(&url).with_function(TOOL, TOOL_DESCRIPTION, tool_schema());
    match create(request).await?.steps.as_slice() {
        [Step::FunctionCall { name, arguments, .. }] => Ok(format!("{name} {arguments}")),
        other => Err(format!("{other:?}").into()),
    }
}
