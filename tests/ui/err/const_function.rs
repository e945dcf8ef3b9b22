use promptlayer_tracing::promptlayer;

#[promptlayer]
const fn ask() -> u8 {
    1
}
