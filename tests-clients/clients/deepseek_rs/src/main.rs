//! The cases of `deepseek_rs`. Its types have neither streams nor tools.

use std::process::ExitCode;

use deepseek_rs::DeepSeekClient;
use deepseek_rs::client::chat_completions::request::{Message, Model, RequestBody};
use deepseek_rs::client::chat_completions::response::ChatCompletionsResponse;
use deepseek_rs::errors::request_errors::RequestErrors;
use harness::wire::deepseek;
use harness::{Api, Case, Client, KEY, Outcome, QUESTION, SYSTEM};
use promptlayer_tracing::promptlayer;

fn client() -> Client {
    let chat =
        Api::new("chat", deepseek::chat("deepseek-chat")).case(Case::Reply, reply).case(Case::Error, reply);
    Client::new(env!("CARGO_PKG_NAME"), "deepseek_rs").api(chat)
}

#[promptlayer]
async fn chat(
    client: &DeepSeekClient,
    request: RequestBody,
) -> Result<ChatCompletionsResponse, RequestErrors> {
    client.chat_completions(request).await
}

async fn reply(url: String) -> Outcome {
    let client = DeepSeekClient::new_with_url_and_api_key(url, KEY.to_owned());
    let messages =
        vec![Message::new_system_message(SYSTEM.to_owned()), Message::new_user_message(QUESTION.to_owned())];
    let response = chat(&client, RequestBody::new(messages, Model::DeepseekChat)).await?;
    Ok(response.choices[0].message.content.clone().ok_or("no content")?)
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
