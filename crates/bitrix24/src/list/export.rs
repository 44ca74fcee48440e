//! The parallel export: the planner decides which pages to read, this reads them.

use std::collections::VecDeque;

use futures_util::{StreamExt as _, stream};
use tokio::task::JoinSet;

use super::{List, Patience, Rows};
use crate::{Error, Group, Mishap, Row, Verdict};

mod coverage;
mod planner;

use planner::{Page, Planner, Read};

/// All rows of a list, in order.
pub(super) fn rows(list: List) -> Rows {
    let export = Export {
        planner: Planner::new(list.after),
        list,
        requests: JoinSet::new(),
        ready: VecDeque::new(),
        patience: Patience::default(),
        pauses: 0,
        failed: None,
        is_over: false,
    };
    let rows = stream::unfold(export, |mut export| async move {
        let row = export.next().await?;
        Some((row, export))
    });
    Rows(rows.boxed())
}

struct Export {
    list: List,
    planner: Planner<Row>,
    /// Each request in its own task, so that pages are read side by side.
    requests: JoinSet<Outcome>,
    ready: VecDeque<Row>,
    patience: Patience,
    /// How often the export has waited for the portal.
    pauses: u32,
    failed: Option<Error>,
    is_over: bool,
}

/// The rows of a page with their ids.
type PageRows = Result<Vec<(u64, Row)>, Error>;

/// What became of the pages of one request.
struct Outcome {
    pages: Vec<(Page, PageRows)>,
    /// The length of the pages that were answered.
    bytes: usize,
    /// The number of pauses before it was sent.
    pauses: u32,
}

impl Export {
    async fn next(&mut self) -> Option<Result<Row, Error>> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Some(Ok(row));
            }
            if let Some(error) = self.failed.take() {
                self.is_over = true;
                return Some(Err(error));
            }
            if self.is_over {
                return None;
            }
            while let Some(pages) = self.planner.plan() {
                let pages_max = self.planner.request_max();
                let request = request(self.list.clone(), pages, pages_max, self.pauses);
                self.requests.spawn(request);
            }
            match self.requests.join_next().await {
                Some(Ok(outcome)) => self.take_in(outcome).await,
                Some(Err(_)) => self.failed = Some(self.lost()),
                None => self.is_over = true,
            }
            self.ready.extend(self.planner.release());
        }
    }

    async fn take_in(&mut self, outcome: Outcome) {
        let mut failure = None;
        let is_smaller_next = self.learn(&outcome);
        for (page, rows) in outcome.pages {
            match rows {
                Ok(rows) => {
                    self.patience.restore();
                    self.planner.take_in(page, Read::Rows(rows));
                }
                Err(error) => {
                    self.planner.take_in(page, Read::Nothing);
                    failure.get_or_insert(error);
                }
            }
        }
        // What is too large at once is asked for anew, in smaller requests.
        if is_smaller_next
            && failure
                .as_ref()
                .is_some_and(|error| error.verdict() == Verdict::Never)
        {
            return;
        }
        // Requests that were under way together fail together; one pause is for all of them.
        let Some(error) = failure.filter(|error| {
            outcome.pauses == self.pauses || !matches!(error.verdict(), Verdict::RetryAfter(_))
        }) else {
            return;
        };
        self.pauses += 1;
        if let Err(error) = self.patience.wait(error).await {
            self.failed = Some(error);
        }
    }

    /// Fits the size of requests to what became of one. Answers whether it failed as a whole for its size,
    /// as far as can be told, and the next ones are smaller.
    fn learn(&mut self, outcome: &Outcome) -> bool {
        let rows = outcome
            .pages
            .iter()
            .filter_map(|(_, rows)| rows.as_ref().ok());
        let rows = rows.map(Vec::len).sum();
        self.planner.weigh(rows, outcome.bytes);
        if outcome.pages.iter().all(|(_, rows)| rows.is_ok()) {
            self.planner.grow();
        }
        let mishaps = outcome.pages.iter().map(|(_, rows)| match rows {
            Err(Error::NoAnswer { mishap, .. }) => Some(*mishap),
            _ => None,
        });
        let mut mishaps: Vec<Option<Mishap>> = mishaps.collect();
        mishaps.dedup();
        let is_for_good = match mishaps.as_slice() {
            [Some(Mishap::TooLarge | Mishap::Deadline)] => true,
            [Some(Mishap::ServerFault)] => false,
            _ => return false,
        };
        self.planner.shrink(outcome.pages.len(), is_for_good)
    }

    fn lost(&self) -> Error {
        let method = &self.list.call.method;
        self.list
            .client
            .malformed(method, "a page could not be read")
    }
}

/// Reads the pages of one request, which holds so many at most.
async fn request(list: List, pages: Vec<Page>, pages_max: usize, pauses: u32) -> Outcome {
    let mut group: Group = pages.iter().map(|page| list.page_call(page.span)).collect();
    group.lane = list.call.lane;
    group.deadline = list.call.deadline;
    group.request_max = Some(pages_max);
    let answers: Vec<_> = match list.client.group(group).await {
        Ok(answers) => answers.into_iter().collect(),
        Err(error) => vec![Err(error); pages.len()],
    };
    let answered = answers.iter().filter_map(|answer| answer.as_ref().ok());
    let bytes = answered.map(|answer| answer.result().get().len()).sum();
    let read = |(page, answer): (Page, Result<_, Error>)| {
        let rows = answer.and_then(|answer| list.read(page.span, &answer));
        (page, rows)
    };
    Outcome {
        pages: pages.into_iter().zip(answers).map(read).collect(),
        bytes,
        pauses,
    }
}
