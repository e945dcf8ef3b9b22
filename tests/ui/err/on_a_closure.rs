use promptlayer_tracing::promptlayer;

pub fn ask() -> u8 {
    #[promptlayer]
    let answer = || 1;
    answer()
}
