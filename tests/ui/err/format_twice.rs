use promptlayer_tracing::promptlayer;

#[promptlayer(ret(Debug, Display))]
fn ask() -> u8 {
    1
}
