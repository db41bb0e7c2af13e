//! How an agent waits for an answer: how long its call does, and how long it is there itself.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::trace::Micros;

/// How an agent makes a call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    pub(super) wait_seconds: Option<u64>,
    pub(super) stays: Stays,
}

/// How long the caller is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stays {
    /// Until it has heard the answer.
    #[default]
    ToTheEnd,
    /// Until the answer is there, which it does not look at.
    UntilTheAnswer,
    /// So long at most.
    For(Micros),
}

impl Waits {
    /// Most calls do not wait, and most callers stay.
    pub(super) fn drawn(draw: u32, waits: bool) -> Self {
        if !waits {
            return Self::default();
        }
        let wait_seconds = match draw & 7 {
            0..4 => None,
            4 => Some(1),
            5 => Some(5),
            _ => Some(20),
        };
        let stays = match draw >> 3 & 7 {
            0 => Stays::UntilTheAnswer,
            1 | 2 => Stays::For(Micros::from(draw >> 6 & 0xfff) * 500),
            _ => Stays::ToTheEnd,
        };
        Self {
            wait_seconds,
            stays,
        }
    }
}

/// What comes first: the answer, or the moment to go.
pub(super) async fn first<T>(
    answer: impl Future<Output = T>,
    leaves: impl Future<Output = ()>,
) -> Option<T> {
    let (mut answer, mut leaves) = (pin!(answer), pin!(leaves));
    poll_fn(|context| match answer.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => leaves.as_mut().poll(context).map(|()| None),
    })
    .await
}
