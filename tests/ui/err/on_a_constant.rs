use promptlayer_tracing::promptlayer;

#[promptlayer]
pub const ANSWER: u8 = 1;
