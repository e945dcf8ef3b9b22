use promptlayer_tracing::promptlayer;

#[promptlayer]
pub struct Service;
