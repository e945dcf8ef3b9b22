use promptlayer_tracing::promptlayer;

#[promptlayer(tag = ["chat"])]
fn ask() {}
