use promptlayer_tracing::promptlayer;

#[promptlayer(err)]
fn ask() -> u8 {
    1
}
