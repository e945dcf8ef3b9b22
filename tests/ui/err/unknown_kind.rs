use promptlayer_tracing::promptlayer;

#[promptlayer(kind = "workflow")]
fn ask() {}
