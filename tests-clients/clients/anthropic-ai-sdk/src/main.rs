//! The cases of `anthropic-ai-sdk`.

use std::process::ExitCode;

use anthropic_ai_sdk::client::AnthropicClient;
use anthropic_ai_sdk::types::message::{
    ContentBlock, ContentBlockDelta, CreateMessageParams, CreateMessageResponse, Message, MessageClient,
    MessageError, RequiredMessageParams, Role, StreamEvent, Tool,
};
use futures::{Stream, TryStreamExt};
use harness::wire::anthropic;
use harness::{Api, Case, Client, KEY, Outcome, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION, tool_schema};
use promptlayer_tracing::promptlayer;

const MODEL: &str = "claude-sonnet-4-5";

fn client() -> Client {
    Client::new(env!("CARGO_PKG_NAME"), "anthropic-ai-sdk").api(
        Api::new("messages", anthropic::wire(MODEL))
            .case(Case::Reply, reply)
            .case(Case::Stream, stream)
            .case(Case::Tools, tools)
            .case(Case::Error, reply),
    )
}

fn connect(url: &str) -> Result<AnthropicClient, MessageError> {
    AnthropicClient::builder(KEY, AnthropicClient::DEFAULT_API_VERSION)
        .with_api_base_url(format!("{url}/v1"))
        .build()
}

#[promptlayer]
async fn create(
    client: &AnthropicClient,
    request: &CreateMessageParams,
) -> Result<CreateMessageResponse, MessageError> {
    client.create_message(Some(request)).await
}

#[promptlayer]
async fn create_stream<'a>(
    client: &'a AnthropicClient,
    request: &'a CreateMessageParams,
) -> Result<impl Stream<Item = Result<StreamEvent, MessageError>> + 'a, MessageError> {
    client.create_message_streaming(request).await
}

fn request() -> CreateMessageParams {
    CreateMessageParams::new(RequiredMessageParams {
        model: MODEL.to_owned(),
        messages: vec![Message::new_text(Role::User, QUESTION)],
        max_tokens: 100,
    })
    .with_system(SYSTEM)
}

async fn reply(url: String) -> Outcome {
    match create(&connect(&url)?, &request()).await?.content.as_slice() {
        [ContentBlock::Text { text }] => Ok(text.clone()),
        other => Err(format!("{other:?}").into()),
    }
}

async fn stream(url: String) -> Outcome {
    let (client, request) = (connect(&url)?, request().with_stream(true));
    let events: Vec<_> = create_stream(&client, &request).await?.try_collect().await?;
    let text = |event| match event {
        StreamEvent::ContentBlockDelta { delta: ContentBlockDelta::TextDelta { text }, .. } => Some(text),
        _ => None,
    };
    Ok(events.into_iter().filter_map(text).collect())
}

async fn tools(url: String) -> Outcome {
    let tool = Tool {
        name: TOOL.to_owned(),
        description: Some(TOOL_DESCRIPTION.to_owned()),
        input_schema: tool_schema(),
    };
    match create(&connect(&url)?, &request().with_tools(vec![tool])).await?.content.as_slice() {
        [ContentBlock::ToolUse { name, input, .. }] => Ok(format!("{name} {input}")),
        other => Err(format!("{other:?}").into()),
    }
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[cfg(test)]
mod tests {
    use harness::round_trip::Check;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn logs_are_as_declared() {
        harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
    }

    #[test]
    fn message_requests_fit_the_crate() {
        let parameters = json!({"temperature": 0.5, "max_tokens": 100});
        let check = Check { narrow, ..Check::new("anthropic", "messages") };
        check.run::<CreateMessageParams>(&parameters);
    }

    /// The API takes the system prompt and the result of a tool as a text or as blocks, the crate only as a
    /// text.
    fn narrow(request: &mut Value) {
        let text = |value: &mut Value| {
            if let Some([block]) = value.as_array().map(Vec::as_slice) {
                *value = block["text"].clone();
            }
        };
        request.get_mut("system").into_iter().for_each(text);
        let messages = request["messages"].as_array_mut().into_iter().flatten();
        let blocks = messages.filter_map(|message| message["content"].as_array_mut()).flatten();
        let results = blocks.filter(|block| block["type"] == "tool_result");
        results.filter_map(|result| result.get_mut("content")).for_each(text);
    }
}
