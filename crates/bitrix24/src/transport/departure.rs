//! Whether a request has left: decided once, by whoever is first.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

const WAITING: u8 = 0;
const LEFT: u8 = 1;
const GIVEN_UP: u8 = 2;

/// The departure of one request. A connection works in a task of its own, so it may be about to write the very
/// request that is just being given up: either it is the first and the request has left, or it must not.
#[derive(Debug, Default)]
pub(crate) struct Departure(AtomicU8);

impl Departure {
    /// The connection is about to write the request. Answers whether it still may.
    pub(crate) fn leave(&self) -> bool {
        let before = self.0.compare_exchange(WAITING, LEFT, SeqCst, SeqCst);
        before != Err(GIVEN_UP)
    }

    /// Nobody waits any more: nothing leaves from now on. Answers whether something has.
    pub(crate) fn give_up(&self) -> bool {
        let before = self.0.compare_exchange(WAITING, GIVEN_UP, SeqCst, SeqCst);
        before == Err(LEFT)
    }
}

/// A request's body. A connection asks for it only when it is about to write the request: before that, nothing
/// of it has left.
#[derive(Debug)]
pub(super) struct Departing {
    body: Full<Bytes>,
    departure: Arc<Departure>,
}

/// The request was given up before it was written.
#[derive(Debug, thiserror::Error)]
#[error("nobody waits for the request any more")]
pub(super) struct GivenUp;

impl Departing {
    pub(super) fn new(body: Bytes, departure: Arc<Departure>) -> Self {
        Self {
            body: Full::new(body),
            departure,
        }
    }
}

impl Body for Departing {
    type Data = Bytes;
    type Error = GivenUp;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, GivenUp>>> {
        if !self.departure.leave() {
            return Poll::Ready(Some(Err(GivenUp)));
        }
        let body = Pin::new(&mut self.body);
        body.poll_frame(context).map_err(|never| match never {})
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;

    use super::*;

    #[test]
    fn the_first_decides_and_both_know() {
        let departure = Departure::default();
        assert!(departure.leave() && departure.leave());
        assert!(departure.give_up() && departure.leave());
        let departure = Departure::default();
        assert!(!departure.give_up() && !departure.give_up());
        assert!(!departure.leave());
    }

    #[test]
    fn a_body_that_is_given_up_holds_no_byte() {
        let departure = Arc::new(Departure::default());
        let body = |departure: &Arc<Departure>| {
            let body = Departing::new(Bytes::from_static(b"{}"), Arc::clone(departure));
            assert_eq!(body.size_hint().exact(), Some(2));
            let collected = body.collect().now_or_never().unwrap();
            collected.map(http_body_util::Collected::to_bytes)
        };
        assert_eq!(body(&departure).unwrap(), "{}");
        assert!(departure.give_up(), "it has left");
        let departure = Arc::new(Departure::default());
        departure.give_up();
        assert!(body(&departure).is_err());
    }
}
