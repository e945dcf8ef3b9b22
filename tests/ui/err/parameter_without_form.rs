use promptlayer_tracing::promptlayer;

struct Opaque;

#[promptlayer(parameters(top_p = missing))]
fn ask(value: Opaque) {
    let Opaque = value;
}
