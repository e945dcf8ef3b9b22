use promptlayer_tracing::promptlayer;

#[promptlayer(ret(Json))]
fn ask() -> u8 {
    1
}
