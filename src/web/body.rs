//! A request or response body that keeps its limits while it streams: a size, and how long it
//! may be silent. Nothing is collected here.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// What cut a body short.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: u64 },
    #[error("the body was silent for {} seconds", silence.as_secs_f32())]
    Silent { silence: Duration },
    #[error("the body broke off")]
    Broken { source: Box<dyn Error + Send + Sync> },
}

/// The limits of a [`Guarded`] body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) bytes_max: u64,
    /// Longest wait for the next piece. Time in which nobody asks for one does not count, so a
    /// slow reader is never taken for a silent writer.
    pub(crate) silence_max: Duration,
}

/// The data of `inner`, as it comes, within limits. Trailers are dropped: nothing here uses them,
/// and a proxy must not carry what it did not look at.
#[derive(Debug)]
pub(crate) struct Guarded<B> {
    inner: B,
    limits: BodyLimits,
    bytes_left: u64,
    /// Runs while a piece is asked for and none is there.
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl<B> Guarded<B> {
    pub(crate) fn new(inner: B, limits: BodyLimits) -> Self {
        Self { inner, limits, bytes_left: limits.bytes_max, timer: None, waiting: false }
    }

    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let silence = self.limits.silence_max;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(silence)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(Instant::now() + silence);
        }
        timer.as_mut().poll(context)
    }
}

impl<B> Body for Guarded<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        // The body first: a piece that lies there counts, however late it is fetched.
        let Poll::Ready(next) = Pin::new(&mut this.inner).poll_frame(context) else {
            ready!(this.poll_silence(context));
            return Poll::Ready(Some(Err(BodyError::Silent { silence: this.limits.silence_max })));
        };
        this.waiting = false;
        Poll::Ready(match next {
            None => None,
            Some(Err(broken)) => Some(Err(BodyError::Broken { source: broken.into() })),
            Some(Ok(frame)) => match frame.into_data() {
                Err(_trailers) => None,
                Ok(data) => Some(match this.bytes_left.checked_sub(data.len() as u64) {
                    Some(left) => {
                        this.bytes_left = left;
                        Ok(Frame::data(data))
                    }
                    None => Err(BodyError::TooLarge { bytes_max: this.limits.bytes_max }),
                }),
            },
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use http_body_util::BodyExt as _;

    use super::*;

    const LIMITS: BodyLimits = BodyLimits { bytes_max: 10, silence_max: Duration::from_millis(50) };

    /// Gives its frames and then ends, or falls silent.
    struct Scripted {
        frames: VecDeque<Frame<Bytes>>,
        ends: bool,
    }

    impl Body for Scripted {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            let this = self.get_mut();
            match this.frames.pop_front() {
                Some(frame) => Poll::Ready(Some(Ok(frame))),
                None if this.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    fn body(frames: impl IntoIterator<Item = Frame<Bytes>>, ends: bool) -> Guarded<Scripted> {
        Guarded::new(Scripted { frames: frames.into_iter().collect(), ends }, LIMITS)
    }

    fn data(text: &'static str) -> Frame<Bytes> {
        Frame::data(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_passes() {
        let whole = body([data("01234"), data("56789")], true).collect().await.unwrap();
        assert_eq!(whole.to_bytes(), "0123456789");
    }

    #[tokio::test]
    async fn one_byte_more_is_too_large() {
        let error = body([data("0123456789"), data("x")], true).collect().await.unwrap_err();
        assert!(matches!(error, BodyError::TooLarge { bytes_max: 10 }), "{error}");
    }

    #[tokio::test]
    async fn a_body_that_falls_silent_is_cut_after_what_it_gave() {
        let mut body = body([data("abc")], false);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(matches!(error, BodyError::Silent { .. }), "{error}");
    }

    #[tokio::test]
    async fn trailers_end_the_body_and_are_dropped() {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-api-key", http::HeaderValue::from_static("smuggled"));
        let whole = body([data("abc"), Frame::trailers(trailers)], true).collect().await.unwrap();
        assert!(whole.trailers().is_none());
        assert_eq!(whole.to_bytes(), "abc");
    }
}
