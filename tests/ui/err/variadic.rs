use promptlayer_tracing::promptlayer;

#[promptlayer]
pub unsafe extern "C" fn ask(count: usize, mut rest: ...) {
    drop((count, rest));
}
