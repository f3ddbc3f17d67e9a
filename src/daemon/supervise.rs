//! Tasks with a name, an owner and an end.
//!
//! Every task of the daemon is started here and joined here. One that ends before it was asked to, by an error or
//! by a panic, ends the process: a daemon that goes on without one of its parts would lie about what it does.

use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// How a task ended that shouldn't have.
#[derive(Debug, thiserror::Error)]
pub enum TaskFailure {
    /// It returned although nobody asked it to.
    #[error("the task {name} ended by itself; this is a defect in devicedrop: restart it, and report the log")]
    Ended {
        /// The task's name.
        name: &'static str,
    },
    /// It panicked.
    #[error("the task {name} panicked: {message}; this is a defect in devicedrop: restart it, and report the log")]
    Panicked {
        /// The task's name.
        name: &'static str,
        /// The panic's message.
        message: String,
    },
}

/// The daemon's tasks, and the token that tells them to stop.
pub struct Tasks {
    set: JoinSet<()>,
    names: Vec<(Id, &'static str)>,
    stop: CancellationToken,
}

impl Tasks {
    /// No tasks yet; `stop` is what ends them.
    pub fn new(stop: CancellationToken) -> Self {
        Self { set: JoinSet::new(), names: Vec::new(), stop }
    }

    /// Starts a task. It must end soon after the token is cancelled, and not before.
    pub fn start(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.set.spawn(task);
        self.names.push((handle.id(), name));
    }

    /// Waits until a task fails. Doesn't return while all of them run.
    pub async fn first_failure(&mut self) -> TaskFailure {
        loop {
            match self.set.join_next_with_id().await {
                Some(Ok((id, ()))) if self.stop.is_cancelled() => self.forget(id),
                Some(Ok((id, ()))) => return TaskFailure::Ended { name: self.name(id) },
                Some(Err(error)) => return self.panicked(error),
                None => std::future::pending().await,
            }
        }
    }

    /// Waits for the end of all tasks but the one that listens, at most for `grace` and not once there is a `hurry`; what
    /// runs then is aborted. Returns the names of those, and the first panic.
    pub async fn finish(
        mut self,
        grace: Duration,
        listens: &'static str,
        hurry: &CancellationToken,
    ) -> (Vec<&'static str>, Option<TaskFailure>) {
        let mut failure = None;
        let drain = async {
            while self.names.iter().any(|(_, name)| *name != listens) {
                match self.set.join_next_with_id().await {
                    Some(Ok((id, ()))) => self.forget(id),
                    Some(Err(error)) => failure = failure.take().or_else(|| Some(self.panicked(error))),
                    None => break,
                }
            }
        };
        tokio::select! {
            _ = tokio::time::timeout(grace, drain) => {}
            () = hurry.cancelled() => {}
        }
        let left = self.names.iter().map(|(_, name)| *name).filter(|name| *name != listens).collect();
        self.set.abort_all();
        (left, failure)
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.iter().find(|(known, _)| *known == id).map_or("unnamed", |(_, name)| *name)
    }

    fn forget(&mut self, id: Id) {
        self.names.retain(|(known, _)| *known != id);
    }

    fn panicked(&mut self, error: tokio::task::JoinError) -> TaskFailure {
        let name = self.name(error.id());
        self.forget(error.id());
        let message = match error.try_into_panic() {
            Ok(payload) => panic_message(payload.as_ref()),
            Err(_) => "it was aborted".to_owned(),
        };
        TaskFailure::Panicked { name, message }
    }
}

/// What a panic said.
pub fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure_with_a_name() {
        let mut tasks = Tasks::new(CancellationToken::new());
        tasks.start("doomed", async { panic!("out of cheese") });
        let failure = tasks.first_failure().await;
        assert!(
            matches!(failure, TaskFailure::Panicked { name: "doomed", ref message } if message == "out of cheese")
        );
    }

    #[tokio::test]
    async fn an_early_end_is_a_failure_and_a_late_one_is_not() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.start("early", async {});
        assert!(matches!(tasks.first_failure().await, TaskFailure::Ended { name: "early" }));
        let mut tasks = Tasks::new(stop.clone());
        let token = stop.clone();
        tasks.start("late", async move { token.cancelled().await });
        stop.cancel();
        let (left, failure) = tasks.finish(Duration::from_mins(1), "listener", &CancellationToken::new()).await;
        assert!(left.is_empty() && failure.is_none());
    }

    #[tokio::test]
    async fn what_does_not_end_in_time_is_named() {
        let mut tasks = Tasks::new(CancellationToken::new());
        tasks.start("stubborn", std::future::pending());
        let (left, _) = tasks.finish(Duration::ZERO, "listener", &CancellationToken::new()).await;
        assert_eq!(left, ["stubborn"]);
    }

    #[tokio::test]
    async fn whoever_listens_is_not_waited_for_and_nobody_in_a_hurry() {
        let tasks = |names: &[&'static str]| {
            let mut tasks = Tasks::new(CancellationToken::new());
            for name in names {
                tasks.start(name, std::future::pending());
            }
            tasks
        };
        let long = Duration::from_hours(1);
        let hurry = CancellationToken::new();
        assert!(tasks(&["listener"]).finish(long, "listener", &hurry).await.0.is_empty());
        hurry.cancel();
        assert_eq!(tasks(&["listener", "stubborn"]).finish(long, "listener", &hurry).await.0, ["stubborn"]);
    }
}
