use promptlayer_tracing::{LoggedRequest, PromptLink, promptlayer};

const TEAM: &str = "billing";

fn hook(request: &LoggedRequest) {
    drop(request.id().to_string());
}

#[promptlayer(
    kind = "llm",
    tags = ["summary", TEAM, concat!("x", "y")],
    provider = "openai",
    model = format_args!("gpt-{size}"),
    parameters(temperature = 0.5, "stop words" = ["a", "b"]),
    metadata(customer = customer, "user.id" = 7, a.b = 'c'),
    prompt = PromptLink::new("example").version(3),
    input = text,
    output = |summary: &(String, u32)| summary.0.clone(),
    on_request_id = hook,
)]
pub fn summarize(customer: u32, text: &str, size: u32) -> (String, u32) {
    (text.to_uppercase(), customer + size)
}
