use promptlayer_tracing::promptlayer;

#[promptlayer(level = "loud")]
fn ask() {}
