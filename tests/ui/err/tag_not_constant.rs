use promptlayer_tracing::promptlayer;

#[promptlayer(tags = [team])]
fn ask(team: &str) {
    drop(team.to_owned());
}
