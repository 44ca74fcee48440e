//! Threads in which scripts run, so that nothing else waits for them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use jiff::Timestamp;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, timeout_at},
};

use super::{super::Failure, STUCK_MAX, script::Source};

/// Stack of a thread, in bytes: more than a script may use, because the engine's own functions need some.
const STACK_BYTES: usize = 4 << 20;

/// The threads.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<mpsc::SyncSender<Job>>>,
    /// Threads that went beyond a deadline and were replaced.
    stuck: AtomicUsize,
}

struct Job {
    script: Arc<Source>,
    input: Vec<u8>,
    now: Timestamp,
    deadline: Instant,
    turn: Turn,
    answer: oneshot::Sender<Result<Vec<u8>, Failure>>,
}

/// A right to run. Whoever takes the state out of it first, caller or thread, decides what becomes of it.
#[derive(Clone)]
struct Turn(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Turn {
    fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Pool {
    /// A pool in which so many scripts run at once. Threads are started when they are needed.
    pub fn new(threads: usize) -> Self {
        Self(Arc::new(Inner {
            turns: Arc::new(Semaphore::new(threads)),
            idle: Mutex::new(Vec::new()),
            stuck: AtomicUsize::new(0),
        }))
    }

    /// How many threads are held by scripts beyond their deadline.
    pub fn stuck(&self) -> usize {
        self.0.stuck.load(Ordering::SeqCst)
    }

    pub(super) async fn call(
        &self,
        script: Arc<Source>,
        input: Vec<u8>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Vec<u8>, Failure> {
        let turn = timeout_at(deadline, Arc::clone(&self.0.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Failure::Busy);
        };
        let turn = Turn(Arc::new(Mutex::new(Some(turn))));
        let (answer, answered) = oneshot::channel();
        let job = Job {
            script,
            input,
            now,
            deadline,
            turn: turn.clone(),
            answer,
        };
        self.0.give(job)?;
        match timeout_at(deadline, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failure::Crashed("its thread ended".to_owned())),
            Err(_) => {
                self.0.replace(&turn);
                Err(Failure::TimedOut)
            }
        }
    }
}

impl Inner {
    fn give(self: &Arc<Self>, mut job: Job) -> Result<(), Failure> {
        loop {
            let idle = self
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let thread = match idle {
                Some(thread) => thread,
                None => self.start().map_err(Failure::Start)?,
            };
            match thread.send(job) {
                Ok(()) => return Ok(()),
                // It has ended; another one.
                Err(mpsc::SendError(back)) => job = back,
            }
        }
    }

    fn start(self: &Arc<Self>) -> std::io::Result<mpsc::SyncSender<Job>> {
        let (jobs, given) = mpsc::sync_channel::<Job>(1);
        let (pool, again) = (Arc::downgrade(self), jobs.clone());
        let thread = thread::Builder::new()
            .name("hook-javascript".to_owned())
            .stack_size(STACK_BYTES);
        let run = move || {
            // Of the senders it holds one itself, so it ends by the pool's end and not by the channel's.
            while let Ok(job) = given.recv() {
                let answer = answer(&job);
                let Some(pool) = pool.upgrade() else { return };
                let is_stuck = job.turn.take().is_none_or(|turn| {
                    pool.idle
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(again.clone());
                    drop(turn);
                    false
                });
                // Nobody waits any more after the deadline.
                drop(job.answer.send(answer));
                if is_stuck {
                    pool.stuck.fetch_sub(1, Ordering::SeqCst);
                    return;
                }
            }
        };
        thread.spawn(run)?;
        Ok(jobs)
    }

    /// Lets another thread run in place of one that has not come back, if that is not too many.
    fn replace(&self, turn: &Turn) {
        let counted = self
            .stuck
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |stuck| {
                (stuck < STUCK_MAX).then_some(stuck + 1)
            });
        if counted.is_err() {
            return;
        }
        match turn.take() {
            Some(turn) => drop(turn),
            // It came back just now.
            None => {
                self.stuck.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }
}

fn answer(job: &Job) -> Result<Vec<u8>, Failure> {
    let call = AssertUnwindSafe(|| {
        let script = job.script.compiled()?;
        script.call(&job.input, job.now, job.deadline)
    });
    let answered = catch_unwind(call);
    answered.unwrap_or_else(|_| Err(Failure::Crashed("the engine panicked".to_owned())))
}
