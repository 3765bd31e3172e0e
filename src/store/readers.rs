//! The few connections that read, beside the writer and never in its way.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::StoreError;
use super::connection::open_reader;
use super::database::Connection;

/// Reads at the same time: a read takes microseconds, so a few serve very many callers.
const READERS: usize = 4;

#[derive(Debug, Clone)]
pub(super) struct Readers {
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let open = |_| Ok::<_, StoreError>(open_reader(path)?.into());
        let idle = (0..READERS).map(open).collect::<Result<_, _>>()?;
        Ok(Self { permits: Arc::new(Semaphore::new(READERS)), idle: Arc::new(Mutex::new(idle)) })
    }

    /// Reads off the runtime's threads. A read that has begun ends even if the caller goes away.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_closed| StoreError::Closed)?;
        let loan = Loan::take(Arc::clone(&self.idle), permit)?;
        tokio::task::spawn_blocking(move || {
            let connection = loan.connection.as_ref().expect("a loan has its connection");
            work(connection)
        })
        .await
        // The runtime is going down, or the work panicked.
        .map_err(|_ended| StoreError::Closed)?
    }

    /// Waits for the reads that run and closes their connections; later reads are refused.
    pub(super) async fn close(&self) {
        let readers = u32::try_from(READERS).expect("a handful");
        let Ok(all) = self.permits.acquire_many(readers).await else {
            return;
        };
        self.permits.close();
        lock(&self.idle).clear();
        drop(all);
    }
}

/// A connection that goes back to the others, whatever happens to its reader.
struct Loan {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
    _permit: OwnedSemaphorePermit,
}

impl Loan {
    fn take(
        idle: Arc<Mutex<Vec<Connection>>>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, StoreError> {
        let connection = lock(&idle).pop();
        let connection = Some(connection.ok_or(StoreError::Closed)?);
        Ok(Self { connection, idle, _permit: permit })
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        // Before the permit goes: who has one finds a connection.
        lock(&self.idle).extend(self.connection.take());
    }
}

/// Nobody panics while holding it, and a list of connections has no broken state anyway.
fn lock(idle: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
