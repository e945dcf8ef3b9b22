use promptlayer_tracing::promptlayer;

#[promptlayer]
pub mod service {}
