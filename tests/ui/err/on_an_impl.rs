use promptlayer_tracing::promptlayer;

struct Service;

#[promptlayer]
impl Service {
    pub fn ask(&self) {}
}
