use promptlayer_tracing::promptlayer;

const TEAM: &str = "";

#[promptlayer(tags = ["chat", TEAM])]
fn ask() {}

pub fn main() {
    ask();
}
