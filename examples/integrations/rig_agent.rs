//! Runs an agent of rig with a tool. From rig's own spans, each model call becomes a request log and each
//! tool call a span. All of them inherit the tags of the annotated function around the run.
//!
//!     cargo run --example rig_agent
#![allow(clippy::print_stdout, reason = "an example speaks on standard output")]

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use promptlayer_tracing::promptlayer;
use rig::agent::Agent;
use rig::client::AgentClientExt;
use rig::completion::{Prompt, PromptError};
use rig::providers::openai::CompletionsClient;
use rig::tool::{Tool, ToolContext};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tracing_subscriber::prelude::*;

/// A tool that returns the weather in a city. The sky is always clear.
struct Weather;

#[derive(Deserialize)]
struct Place {
    city: String,
}

#[derive(Serialize)]
struct Report {
    city: String,
    sky: &'static str,
}

impl Tool for Weather {
    const NAME: &'static str = "weather";
    type Args = Place;
    type Output = Report;
    type Error = Infallible;

    fn description(&self) -> String {
        "The weather in a city".to_owned()
    }

    fn parameters(&self) -> serde_json::Value {
        serde_json::json!({
            "type": "object",
            "properties": { "city": { "type": "string" } },
            "required": ["city"],
        })
    }

    async fn call(&self, _: &mut ToolContext, place: Place) -> Result<Report, Infallible> {
        Ok(Report { city: place.city, sky: "clear" })
    }
}

#[promptlayer(kind = "agent", tags = ["rig"])]
async fn ask(agent: &Agent, question: &str) -> Result<String, PromptError> {
    agent.prompt(question).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = examples::promptlayer()?;
    let (endpoint, _offline) = examples::endpoint()?;
    let (layer, guard) = service
        .layer()
        .on_request_id(|request| println!("promptlayer id {} ({})", request.id(), request.name()))
        .build()?;
    tracing_subscriber::registry().with(layer).init();

    let openai = CompletionsClient::builder()
        .api_key(endpoint.api_key.expose_secret())
        .base_url(&endpoint.base_url)
        .build()?;
    let agent = openai
        .agent("gpt-4o-mini")
        .name("forecaster")
        .preamble("You tell the weather.")
        .tool(Weather)
        .default_max_turns(4)
        // Without this option, rig records only numbers and no messages.
        .record_content_telemetry(true)
        .build();
    println!("{}", ask(&agent, "What is the weather in Paris?").await?);

    guard.shutdown(Duration::from_secs(5));
    service.say_where_to_look();
    Ok(())
}
