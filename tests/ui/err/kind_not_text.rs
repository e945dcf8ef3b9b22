use promptlayer_tracing::promptlayer;

#[promptlayer(kind = Kind::Llm)]
fn ask() {}
