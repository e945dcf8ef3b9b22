use promptlayer_tracing::promptlayer;

const TEAM: &str = "chat";

#[promptlayer(tags = ["chat", TEAM])]
fn ask() {}
