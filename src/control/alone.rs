//! One at a time for each name, e.g. for one session: whoever comes second waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// Names behind which those that nobody holds are forgotten.
const NAMES_KEPT: usize = 64;

#[derive(Debug, Clone, Default)]
pub(crate) struct Alone(Arc<Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>>);

impl Alone {
    /// Nobody else of this name goes on until the answer is dropped.
    pub(crate) async fn with(&self, name: String) -> OwnedMutexGuard<()> {
        self.lock(name).lock_owned().await
    }

    fn lock(&self, name: String) -> Arc<tokio::sync::Mutex<()>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > NAMES_KEPT {
            known.retain(|_, lock| lock.strong_count() > 0);
        }
        if let Some(lock) = known.get(&name).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        known.insert(name, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_name_waits_for_itself_and_names_are_forgotten() {
        let alone = Alone::default();
        let held = alone.with("a".to_owned()).await;
        assert!(alone.lock("a".to_owned()).try_lock().is_err());
        assert!(alone.lock("b".to_owned()).try_lock().is_ok());
        drop(held);
        assert!(alone.lock("a".to_owned()).try_lock().is_ok());
        for number in 0..1_000 {
            drop(alone.with(number.to_string()).await);
        }
        assert!(alone.0.lock().unwrap().len() <= NAMES_KEPT + 1);
    }
}
