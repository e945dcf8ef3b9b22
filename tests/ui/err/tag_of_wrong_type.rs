use promptlayer_tracing::promptlayer;

const TEAM: u8 = 7;

#[promptlayer(tags = [TEAM])]
fn ask() {}
