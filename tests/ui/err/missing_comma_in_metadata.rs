use promptlayer_tracing::promptlayer;

#[promptlayer(metadata(a = 1 b = 2))]
fn ask() {}
