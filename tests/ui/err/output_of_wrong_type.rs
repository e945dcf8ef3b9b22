use promptlayer_tracing::promptlayer;

#[promptlayer(output = |answer: &u8| *answer)]
fn ask() -> String {
    String::new()
}
