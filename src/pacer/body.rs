//! The body of a response: looked into before the caller sees it, where it has something to say, and the end of a turn,
//! where a response is in only with its body.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::turn::Turn;

/// Of a body so much is looked into.
const LOOK: usize = 64 * 1024;
/// Where the body says what the request cost, it is kept whole up to this.
const WHOLE: usize = 4 * 1024 * 1024;
/// Nobody waits longer for the beginning of a body to decide what a response means.
const PATIENCE: Duration = Duration::from_secs(2);

/// Nor for the store to hear of a throttle.
const TELL: Duration = Duration::from_millis(250);

/// The body of a paced response: it passes on what it gets.
pub struct PacedBody<B: Body> {
    /// What was looked into already, still to be passed on.
    front: VecDeque<Result<Frame<Bytes>, B::Error>>,
    rest: Pin<Box<B>>,
    ended: bool,
    held: Option<Held>,
}

/// A turn that ends with the body.
struct Held {
    turn: Turn,
    status: StatusCode,
    headers: HeaderMap,
    kept: Vec<u8>,
    most: usize,
}

/// Reads a response: what it comes to, and the response for the caller. `again` says that it is to be given up, because
/// the same request may be sent once more.
pub(super) async fn receive<B: Body>(turn: Turn, response: Response<B>) -> (Response<PacedBody<B>>, bool) {
    let (parts, body) = response.into_parts();
    let mut body = PacedBody { front: VecDeque::new(), rest: Box::pin(body), ended: false, held: None };
    let holds = turn.ends_with_body();
    let seen = if turn.looks_first(parts.status) { body.look().await } else { Vec::new() };
    let verdict = turn.read(parts.status, &parts.headers, &seen);
    let again = verdict.again;
    if holds && verdict.said.throttled.is_none() && !body.ended {
        let most = if turn.learns_cost() { WHOLE } else { LOOK };
        body.held = Some(Held { turn, status: parts.status, headers: parts.headers.clone(), kept: seen, most });
    } else {
        let told = turn.permit.told();
        turn.complete(&verdict, &seen);
        if verdict.said.throttled.is_some() {
            // When the caller sees it, the fleet knows.
            _ = tokio::time::timeout(TELL, told).await;
        }
    }
    (Response::from_parts(parts, body), again)
}

impl<B: Body> PacedBody<B> {
    /// Reads the beginning, as far as it comes in time.
    async fn look(&mut self) -> Vec<u8> {
        let mut seen = Vec::new();
        let reading = async {
            while seen.len() < LOOK && !self.ended {
                let frame = std::future::poll_fn(|context| self.next(context)).await;
                let Some(frame) = frame else { break };
                if let Ok(frame) = &frame
                    && let Some(data) = frame.data_ref()
                {
                    seen.extend_from_slice(data);
                }
                self.front.push_back(frame);
            }
        };
        // What came until then is what there is to decide by.
        _ = tokio::time::timeout(PATIENCE, reading).await;
        seen.truncate(LOOK);
        seen
    }

    /// The next frame of the body itself.
    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = std::task::ready!(self.rest.as_mut().poll_frame(context));
        self.ended = !matches!(frame, Some(Ok(_))) || self.rest.is_end_stream();
        Poll::Ready(
            frame.map(|frame| frame.map(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))),
        )
    }
}

impl Held {
    fn keep(&mut self, data: &Bytes) {
        let room = self.most.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&data[..data.len().min(room)]);
    }

    fn end(self) {
        _ = self.turn.answered(self.status, &self.headers, &self.kept);
    }
}

impl<B: Body> Body for PacedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Some(frame) = this.front.pop_front() {
            return Poll::Ready(Some(frame));
        }
        if this.ended {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(this.next(context));
        if let (Some(held), Some(Ok(frame))) = (&mut this.held, &frame)
            && let Some(data) = frame.data_ref()
        {
            held.keep(data);
        }
        if this.ended
            && let Some(held) = this.held.take()
        {
            held.end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.front.is_empty() && (self.ended || self.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        if self.front.is_empty() { self.rest.size_hint() } else { SizeHint::default() }
    }
}

impl<B: Body> Unpin for PacedBody<B> {}

/// The caller lost interest: the response is in as far as it will be.
impl<B: Body> Drop for PacedBody<B> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            held.end();
        }
    }
}

impl<B: Body> fmt::Debug for PacedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PacedBody")
    }
}
