use promptlayer_tracing::promptlayer;

pub trait Model {
    #[promptlayer]
    fn ask(&self);
}
