use promptlayer_tracing::promptlayer;

struct Opaque;

#[promptlayer(err)]
fn ask() -> Result<u8, Opaque> {
    Err(Opaque)
}
