use promptlayer_tracing::promptlayer;

#[promptlayer(tags = ["  "])]
fn ask() {}
