use promptlayer_tracing::promptlayer;

#[promptlayer(provider "openai")]
fn ask() {}
