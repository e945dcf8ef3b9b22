use promptlayer_tracing::promptlayer;

#[promptlayer]
pub trait Model {
    fn ask(&self);
}
