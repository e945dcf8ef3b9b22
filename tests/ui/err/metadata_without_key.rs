use promptlayer_tracing::promptlayer;

#[promptlayer(metadata(7 = 8))]
fn ask() {}
