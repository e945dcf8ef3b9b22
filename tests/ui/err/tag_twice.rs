use promptlayer_tracing::promptlayer;

#[promptlayer(tags = ["chat", "billing", "chat"])]
fn ask() {}
