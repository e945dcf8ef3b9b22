use promptlayer_tracing::promptlayer;

#[promptlayer(tags = ['c'])]
fn ask() {}
