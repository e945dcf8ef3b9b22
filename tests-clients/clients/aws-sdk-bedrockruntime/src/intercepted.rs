//! The Converse API with the interceptor. The annotated functions show nothing of the conversation.

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::operation::converse::ConverseOutput;
use aws_sdk_bedrockruntime::operation::converse_stream::ConverseStreamOutput;
use harness::wire::bedrock;
use harness::{Api, Case, Outcome};
use promptlayer_tracing::middleware::PromptLayerMiddleware;
use promptlayer_tracing::promptlayer;

use crate::{Failed, MODEL, StreamFailed, config, message, read, system, text_of, tools};

pub(crate) fn api() -> Api {
    Api::new("converse", bedrock::wire(MODEL))
        .needs("the interceptor of the feature `aws`")
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, call)
        .case(Case::Error, reply)
}

#[promptlayer]
async fn converse(client: &Client, with_tools: bool) -> Result<ConverseOutput, Failed> {
    let request = client.converse().model_id(MODEL).system(system()).messages(message());
    request.set_tool_config(with_tools.then(tools)).send().await
}

#[promptlayer]
async fn converse_stream(client: &Client) -> Result<ConverseStreamOutput, StreamFailed> {
    client.converse_stream().model_id(MODEL).system(system()).messages(message()).send().await
}

fn connect(url: &str) -> Client {
    Client::from_conf(config(url).interceptor(PromptLayerMiddleware::new()).build())
}

async fn reply(url: String) -> Outcome {
    read(converse(&connect(&url), false).await?)
}

async fn call(url: String) -> Outcome {
    read(converse(&connect(&url), true).await?)
}

async fn stream(url: String) -> Outcome {
    let mut events = converse_stream(&connect(&url)).await?.stream;
    let mut text = String::new();
    while let Some(event) = events.recv().await? {
        text.extend(text_of(event));
    }
    Ok(text)
}
