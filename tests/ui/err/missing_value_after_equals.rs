use promptlayer_tracing::promptlayer;

#[promptlayer(provider =)]
fn ask() {}
