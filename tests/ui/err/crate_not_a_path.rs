use promptlayer_tracing::promptlayer;

#[promptlayer(crate = "promptlayer_tracing")]
fn ask() {}
