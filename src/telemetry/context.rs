//! Which trace something is a part of: the header `traceparent` of W3C Trace Context, and what hands
//! it from a request to what is done for it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Says what a request is a part of; an answer says under which name it is found.
pub(crate) const TRACE_PARENT: &str = "traceparent";

/// Version 00 of the header: version, trace, span and flags.
const HEADER_BYTES: usize = 55;

tokio::task_local! {
    static CURRENT: Option<Context>;
}

/// A span's place: its trace, and its name there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Context {
    trace: u128,
    span: u64,
    /// Whoever began the trace records it.
    sampled: bool,
}

/// Not a header that means something; such a one is ignored, as its standard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no `traceparent`")]
pub(crate) struct NoContext;

impl FromStr for Context {
    type Err = NoContext;

    fn from_str(text: &str) -> Result<Self, NoContext> {
        let mut parts = text.split('-');
        let mut hex = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            part.bytes().all(lower).then(|| u128::from_str_radix(part, 16).ok()).flatten()
        };
        let (version, trace, span, flags) = (hex(2), hex(32), hex(16), hex(2));
        // A later version may have more behind it.
        let fits = version == Some(0) && text.len() == HEADER_BYTES
            || version.is_some_and(|version| (1..0xff).contains(&version));
        match (trace, span.and_then(|span| u64::try_from(span).ok()), flags) {
            (Some(trace), Some(span), Some(flags)) if fits && trace != 0 && span != 0 => {
                Ok(Self { trace, span, sampled: flags & 1 == 1 })
            }
            _ => Err(NoContext),
        }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace(), self.span(), u8::from(self.sampled))
    }
}

impl From<Context> for String {
    fn from(context: Context) -> Self {
        context.to_string()
    }
}

impl TryFrom<String> for Context {
    type Error = NoContext;

    fn try_from(text: String) -> Result<Self, NoContext> {
        text.parse()
    }
}

impl Context {
    /// The first span of a trace, under a name that is the same whenever it is asked for.
    pub(crate) fn root(name: Uuid) -> Self {
        Self { trace: name.as_u128(), span: last_half(name), sampled: true }
    }

    /// A span of the same trace, under a name that is the same whenever it is asked for.
    #[must_use]
    pub(crate) fn with_span(self, name: Uuid) -> Self {
        Self { span: last_half(name), ..self }
    }

    /// A span of the same trace.
    #[must_use]
    pub(crate) fn child(self) -> Self {
        self.with_span(Uuid::new_v4())
    }

    pub(crate) fn is_recorded(self) -> bool {
        self.sampled
    }

    /// The trace, as headers, collectors and the journal name it.
    pub(crate) fn trace(self) -> String {
        format!("{:032x}", self.trace)
    }

    pub(super) fn span(self) -> String {
        format!("{:016x}", self.span)
    }
}

/// Two bits of it say that it is of a UUID, the others are as random as that.
fn last_half(name: Uuid) -> u64 {
    name.as_u64_pair().1
}

/// What this task does is done for that span.
pub(crate) async fn within<T>(context: Option<Context>, work: impl Future<Output = T>) -> T {
    CURRENT.scope(context, work).await
}

/// The span for which this task does what it does.
pub(crate) fn current() -> Option<Context> {
    CURRENT.try_with(|context| *context).ok().flatten()
}

/// Work that another task goes on with, for the same span.
pub(crate) fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    within(current(), work)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_read_as_its_standard_says() {
        let context: Context = HEADER.parse().unwrap();
        assert!(context.is_recorded());
        assert_eq!(context.to_string(), HEADER);
        assert_eq!(context.trace(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let unsampled = HEADER.replace("-01", "-00").parse::<Context>().unwrap();
        assert!(!unsampled.is_recorded() && !unsampled.child().is_recorded());
        let later = format!("{}-more", HEADER.replacen("00", "01", 1));
        assert!(later.parse::<Context>().is_ok());
        for odd in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(odd.parse::<Context>(), Err(NoContext), "{odd}");
        }
    }

    #[tokio::test]
    async fn what_another_task_goes_on_with_is_for_the_same_span() {
        let context: Context = HEADER.parse().unwrap();
        let seen = within(Some(context), async {
            let alone = tokio::spawn(async { current() }).await.unwrap();
            (alone, tokio::spawn(carried(async { current() })).await.unwrap())
        });
        assert_eq!((seen.await, current()), ((None, Some(context)), None));
    }
}
