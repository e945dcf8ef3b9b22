use promptlayer_tracing::promptlayer;

unsafe extern "C" {
    #[promptlayer]
    pub fn ask();
}
