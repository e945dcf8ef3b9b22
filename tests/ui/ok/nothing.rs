use promptlayer_tracing::promptlayer;

#[promptlayer]
pub fn ask() {}

#[promptlayer()]
pub async fn ask_later() {}
