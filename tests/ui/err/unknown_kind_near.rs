use promptlayer_tracing::promptlayer;

#[promptlayer(kind = "lm")]
fn ask() {}
