use promptlayer_tracing::promptlayer;

#[promptlayer(kind = "llm" tags = ["chat"])]
fn ask() {}
