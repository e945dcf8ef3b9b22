//! By the spans of rig's agents, with content. The annotated functions show nothing of the conversation.

use futures::StreamExt;
use harness::{Api, Case, Field, Outcome, QUESTION, SYSTEM};
use promptlayer_tracing::promptlayer;
use rig::agent::{Agent, AgentBuilder, MultiTurnStreamItem, PromptResponse};
use rig::completion::PromptError;

use crate::{MODEL, NO_API, chat_wire, connect, text_of};

const NO_STOP: &str = "rig's spans do not record `stop`";

/// An agent calls its tools, which makes a second call of the model. Therefore it has no case for them.
pub(crate) fn chat() -> Api {
    Api::new("agent", chat_wire())
        .needs("`.record_content_telemetry(true)`")
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Error, reply)
        .lacks(Case::Reply, Field::Api, NO_API)
        .lacks(Case::Stream, Field::Api, NO_API)
        .lacks(Case::Error, Field::Api, NO_API)
        .lacks(Case::Reply, Field::Finish, NO_STOP)
        .lacks(Case::Stream, Field::Finish, NO_STOP)
        .lacks(Case::Stream, Field::FirstChunk, "rig's spans do not record it")
}

#[promptlayer]
async fn ask(agent: &Agent) -> Result<PromptResponse, PromptError> {
    agent.prompt(QUESTION).await
}

#[promptlayer]
async fn ask_streamed(agent: &Agent) -> Result<String, String> {
    let mut items = agent.prompt(QUESTION).stream();
    let mut text = String::new();
    while let Some(item) = items.next().await {
        if let MultiTurnStreamItem::StreamAssistantItem(item) = item.map_err(|error| error.to_string())? {
            text.extend(text_of(item));
        }
    }
    Ok(text)
}

fn agent(url: &str) -> Agent {
    let model = connect(url).chat(MODEL);
    AgentBuilder::new(model).preamble(SYSTEM).record_content_telemetry(true).build()
}

async fn reply(url: String) -> Outcome {
    Ok(ask(&agent(&url)).await?.output())
}

async fn stream(url: String) -> Outcome {
    Ok(ask_streamed(&agent(&url)).await?)
}
