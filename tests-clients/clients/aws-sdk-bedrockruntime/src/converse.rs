//! The Converse API with the attribute alone.

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::operation::converse::ConverseOutput;
use aws_sdk_bedrockruntime::operation::converse::builders::ConverseInputBuilder;
use aws_sdk_bedrockruntime::operation::converse_stream::builders::ConverseStreamInputBuilder;
use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types::ConverseStreamOutput;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use futures::{Stream, TryStreamExt, stream};
use harness::wire::bedrock;
use harness::{Api, Case, Outcome};
use promptlayer_tracing::promptlayer;

use crate::{Failed, MODEL, StreamFailed, config, message, read, system, text_of, tools};

type Events = EventReceiver<ConverseStreamOutput, ConverseStreamOutputError>;

pub(crate) fn api() -> Api {
    Api::new("converse", bedrock::wire(MODEL))
        .needs("a function that returns the events of a stream as an `impl Stream`: the SDK's `EventReceiver` is not a `Stream`")
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Tools, call)
        .case(Case::Error, reply)
}

#[promptlayer]
async fn converse(client: &Client, request: ConverseInputBuilder) -> Result<ConverseOutput, Failed> {
    request.send_with(client).await
}

#[promptlayer]
async fn converse_stream(
    client: &Client,
    request: ConverseStreamInputBuilder,
) -> Result<impl Stream<Item = Result<ConverseStreamOutput, String>>, StreamFailed> {
    let response = request.send_with(client).await?;
    Ok(stream::try_unfold(response.stream, async |mut events: Events| {
        let event = events.recv().await.map_err(|error| error.to_string())?;
        Ok(event.map(|event| (event, events)))
    }))
}

fn connect(url: &str) -> Client {
    Client::from_conf(config(url).build())
}

fn request() -> ConverseInputBuilder {
    ConverseInputBuilder::default().model_id(MODEL).system(system()).messages(message())
}

async fn reply(url: String) -> Outcome {
    read(converse(&connect(&url), request()).await?)
}

async fn call(url: String) -> Outcome {
    read(converse(&connect(&url), request().tool_config(tools())).await?)
}

async fn stream(url: String) -> Outcome {
    let request = ConverseStreamInputBuilder::default().model_id(MODEL).system(system()).messages(message());
    let events: Vec<_> = converse_stream(&connect(&url), request).await?.try_collect().await?;
    Ok(events.into_iter().filter_map(text_of).collect())
}
