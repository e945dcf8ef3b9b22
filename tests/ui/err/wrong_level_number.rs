use promptlayer_tracing::promptlayer;

#[promptlayer(level = 6)]
fn ask() {}
