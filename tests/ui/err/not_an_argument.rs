use promptlayer_tracing::promptlayer;

#[promptlayer(7)]
fn ask() {}
