//! The thread that owns the registry's [`Store`]: jobs go in by a bounded queue and are done one after the other.

use std::thread::{Builder, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::store::Store;

/// Jobs that wait. Two calls of the dispatcher are under way at most, and a few commands of people.
const QUEUE: usize = 16;

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// The thread. It ends after the jobs in its queue when this is dropped, and is waited for.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// A job without an answer, because the thread is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// It never got the job.
    NotSent,
    /// It may have done the job, or half of it.
    Unanswered,
}

impl Worker {
    pub(super) fn start(mut store: Store) -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let thread = Builder::new().name("registry".to_owned()).spawn(move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut store);
            }
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Has a job done. It is done even if nobody waits for it any longer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Result<T, Lost> {
        let (boxed, answer) = boxed(job);
        let jobs = self.jobs.as_ref().ok_or(Lost::NotSent)?;
        jobs.send(boxed).await.map_err(|_| Lost::NotSent)?;
        answer.await.map_err(|_| Lost::Unanswered)
    }

    /// The same for threads that may block. Panics in an asynchronous task, which mustn't.
    pub(super) fn ask_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Result<T, Lost> {
        let (boxed, answer) = boxed(job);
        let jobs = self.jobs.as_ref().ok_or(Lost::NotSent)?;
        jobs.blocking_send(boxed).map_err(|_| Lost::NotSent)?;
        answer.blocking_recv().map_err(|_| Lost::Unanswered)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the registry's thread had panicked");
        }
    }
}

fn boxed<T: Send + 'static>(job: impl FnOnce(&mut Store) -> T + Send + 'static) -> (Job, oneshot::Receiver<T>) {
    let (answer, receiver) = oneshot::channel();
    let boxed = Box::new(move |store: &mut Store| {
        // Nobody waiting for the answer is no reason not to do the job.
        drop(answer.send(job(store)));
    });
    (boxed, receiver)
}
