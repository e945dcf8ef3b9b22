use promptlayer_tracing::promptlayer;

#[promptlayer(level = f32::MAX)]
fn ask() {}
