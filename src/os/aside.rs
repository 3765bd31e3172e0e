//! Work on large things, which would keep a thread of the runtime from those who wait for it.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Bytes from which to read them once takes a millisecond, some ten times a turn of the others.
const LARGE_BYTES: usize = 1 << 20;

/// Does `work`, which goes over so many bytes; if they are many, the others of this thread go on on
/// another.
pub(crate) fn aside<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let has_others = || {
        let runtime = Handle::try_current();
        runtime.is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
    };
    if bytes >= LARGE_BYTES && has_others() { block_in_place(work) } else { work() }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_of_the_thread_go_on_meanwhile() {
        let (done, waits) = mpsc::channel();
        let large = tokio::spawn(async move {
            tokio::spawn(async move { done.send(()) });
            // Its only thread is here.
            aside(LARGE_BYTES, || waits.recv())
        });
        assert_eq!(large.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn where_there_is_one_thread_it_does_the_work() {
        assert_eq!(aside(LARGE_BYTES, || 7), 7);
    }

    #[test]
    fn nobody_needs_a_runtime() {
        assert_eq!(aside(LARGE_BYTES, || 7), 7);
    }
}
