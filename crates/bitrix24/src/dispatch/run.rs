//! The dispatcher's task: waits for whatever comes first, and does what the desk decided.

use std::{collections::HashMap, sync::Arc};

use tokio::{
    sync::mpsc,
    task::{self, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    Submission,
    counters::Published,
    desk::{Desk, Step},
    request::{FlightId, Report, Request},
};
use crate::transport::Transport;

/// The most submissions taken in at once.
const ARRIVALS_MAX: usize = 1024;

/// Runs until nobody can submit any more and everybody is answered.
pub(crate) async fn run<T: Transport>(
    mut desk: Desk,
    transport: Arc<T>,
    mut inbox: mpsc::Receiver<Submission>,
    published: Published,
) {
    let mut flights = Flights::default();
    let mut arrivals = Vec::new();
    let mut is_open = true;
    loop {
        let now = Instant::now();
        desk.expire(now);
        let wake = loop {
            match desk.next(now) {
                Step::Send(request) => flights.begin(request, &transport),
                Step::Wait(wake) => break wake,
            }
        };
        published.publish(desk.counters(now), desk.bucket());
        if !is_open && desk.is_idle() {
            return;
        }
        tokio::select! {
            taken = inbox.recv_many(&mut arrivals, ARRIVALS_MAX), if is_open => {
                is_open = taken > 0;
                // Tasks that were started together get their turn to submit before anything is sent.
                task::yield_now().await;
                while arrivals.len() < ARRIVALS_MAX
                    && let Ok(submission) = inbox.try_recv()
                {
                    arrivals.push(submission);
                }
                arrivals.drain(..).for_each(|submission| desk.submit(submission));
                desk.arrived(Instant::now());
            }
            Some(report) = flights.end() => desk.finish(&report, Instant::now()),
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
        }
    }
}

/// The requests under way, each in its own task, so that large answers are read side by side.
#[derive(Default)]
struct Flights {
    tasks: JoinSet<Report>,
    by_task: HashMap<task::Id, FlightId>,
}

impl Flights {
    fn begin<T: Transport>(&mut self, request: Request, transport: &Arc<T>) {
        let flight = request.flight;
        let task = self.tasks.spawn(request.perform(Arc::clone(transport)));
        self.by_task.insert(task.id(), flight);
    }

    /// The next request that ends; `None` when none is under way.
    async fn end(&mut self) -> Option<Report> {
        let (task, report) = match self.tasks.join_next_with_id().await? {
            Ok((task, report)) => (task, Some(report)),
            Err(error) => (error.id(), None),
        };
        let flight = self.by_task.remove(&task)?;
        Some(report.unwrap_or_else(|| Report::lost(flight)))
    }
}
