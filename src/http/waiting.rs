//! How many wait for the disk at once. On one that hangs more would hold every thread of the pages, and who needs no disk
//! could do nothing either. Whoever finds no place waits without a thread.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::problem::Problem;

/// Who it is that asks is read in microseconds, by one after another.
const LOOKING: usize = 8;
/// Commands, for as long as they are being done, and others of which the audit log tells.
const WRITING: usize = 64;
/// A player that asks for several parts of a recording at once is told of once: one after the other looks whether it is.
const TELLING: usize = 1;
/// Threads that may stand still.
pub const WAITING: usize = LOOKING + WRITING;
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Waiting {
    looking: Semaphore,
    writing: Arc<Semaphore>,
    telling: Semaphore,
}

impl Default for Waiting {
    fn default() -> Self {
        let writing = Arc::new(Semaphore::new(WRITING));
        Self { looking: Semaphore::new(LOOKING), writing, telling: Semaphore::new(TELLING) }
    }
}

impl Waiting {
    pub async fn to_look(&self) -> Result<SemaphorePermit<'_>, Problem> {
        in_time(self.looking.acquire()).await
    }

    /// `None`: too many look at this moment.
    pub fn to_look_now(&self) -> Option<SemaphorePermit<'_>> {
        self.looking.try_acquire().ok()
    }

    /// For as long as the place is held.
    pub async fn to_write(&self) -> Result<OwnedSemaphorePermit, Problem> {
        in_time(self.writing.clone().acquire_owned()).await
    }

    pub async fn to_tell(&self) -> Result<SemaphorePermit<'_>, Problem> {
        in_time(self.telling.acquire()).await
    }
}

async fn in_time<T>(place: impl Future<Output = Result<T, AcquireError>>) -> Result<T, Problem> {
    match timeout(PATIENCE, place).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(Problem::unavailable("too many others are to be served first at this moment")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_no_place_waits_for_a_while_and_is_refused() {
        let waiting = Waiting::default();
        let mut places = Vec::new();
        for _ in 0..WRITING {
            places.push(waiting.to_write().await.unwrap());
        }
        let refused = waiting.to_write().await.unwrap_err();
        assert_eq!(refused.status, 503);
        let ((), place) = tokio::join!(async { drop(places.pop()) }, waiting.to_write());
        assert!(place.is_ok(), "one was given back in time");
        let mut looking = Vec::new();
        while let Ok(place) = waiting.to_look().await {
            looking.push(place);
        }
        assert_eq!(looking.len(), LOOKING, "of those who write none takes their places");
        let _telling = waiting.to_tell().await.unwrap();
        assert_eq!(waiting.to_tell().await.unwrap_err().status, 503);
    }
}
