use promptlayer_tracing::promptlayer;

const TEAM: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/ui/err/tag_too_long.rs"));

#[promptlayer(tags = [TEAM])]
fn ask() {}
