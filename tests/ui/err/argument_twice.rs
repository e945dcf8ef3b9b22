use promptlayer_tracing::promptlayer;

#[promptlayer(kind = "llm", tags = ["a"], kind = "tool")]
fn ask() {}
