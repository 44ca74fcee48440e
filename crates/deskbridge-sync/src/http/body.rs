//! A body, received within bounds.

use axum::body::Body;
use deskbridge_http::{ApiError, Code};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of one body that take none of the room for all of them.
const FREE_BYTES: usize = 64 << 10;

/// A body, whole.
pub(super) struct Received<'r> {
    pub(super) bytes: Vec<u8>,
    /// Its share of the room.
    _room: Option<SemaphorePermit<'r>>,
}

/// Receives a body of at most `bytes_max`.
///
/// A large one takes its share of `room` as its bytes come, so that many of them cannot take all memory, and one that is
/// only announced takes nothing.
pub(super) async fn read(
    mut body: Body,
    bytes_max: usize,
    room: &Semaphore,
) -> Result<Received<'_>, ApiError> {
    let too_large = || ApiError::new(Code::BodyTooLarge, format!("{bytes_max} bytes"));
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(announced.min(FREE_BYTES));
    let mut taken: Option<SemaphorePermit<'_>> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::new(Code::MalformedBody, "it ended early").because(error.to_string())
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > bytes_max {
            return Err(too_large());
        }
        if bytes.len() + data.len() > FREE_BYTES {
            let more = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let more = room.try_acquire_many(more);
            let more = more.map_err(|full| {
                ApiError::new(Code::Overloaded, "")
                    .because(full.to_string())
                    .retry_after(1)
            })?;
            match &mut taken {
                Some(taken) => taken.merge(more),
                none => *none = Some(more),
            }
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Received {
        bytes,
        _room: taken,
    })
}
