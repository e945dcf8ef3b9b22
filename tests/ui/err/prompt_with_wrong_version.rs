use promptlayer_tracing::promptlayer;

#[promptlayer(prompt = ("greeting", "latest"))]
fn ask() {}
