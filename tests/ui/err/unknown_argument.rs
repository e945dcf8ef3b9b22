use promptlayer_tracing::promptlayer;

#[promptlayer(temperature = 0.5)]
fn ask() {}
