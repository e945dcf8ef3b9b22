use promptlayer_tracing::promptlayer;

#[promptlayer(prompt = 7)]
fn ask() {}
