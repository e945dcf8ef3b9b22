use promptlayer_tracing::promptlayer;

#[promptlayer(tags = ["chat", 7])]
fn ask() {}
