//! The data of a body's frames.

use bytes::{Buf, Bytes};
use http_body::Frame;

/// Returns the data of a frame. Copies nothing if they are [`Bytes`] already.
pub(super) fn into_bytes(mut data: impl Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}

/// Returns the data of a frame. Trailers have none.
pub(super) fn data(frame: &Frame<Bytes>) -> &[u8] {
    frame.data_ref().map_or(&[], |data| data.as_ref())
}
