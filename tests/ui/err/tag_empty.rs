use promptlayer_tracing::promptlayer;

#[promptlayer(tags = ["chat", ""])]
fn ask() {}
