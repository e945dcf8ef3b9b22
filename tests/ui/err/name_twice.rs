use promptlayer_tracing::promptlayer;

#[promptlayer("ask", name = "question")]
fn ask() {}
