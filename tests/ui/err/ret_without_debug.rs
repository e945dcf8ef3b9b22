use promptlayer_tracing::promptlayer;

struct Opaque;

#[promptlayer(ret)]
fn ask() -> Opaque {
    Opaque
}
