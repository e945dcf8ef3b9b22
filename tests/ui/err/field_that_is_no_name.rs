use promptlayer_tracing::promptlayer;

#[promptlayer(fields(1 = 2))]
fn ask() {}
