//! The parallel export: the planner decides which pages to read, this reads them.

use std::collections::VecDeque;

use futures_util::{StreamExt as _, stream};
use tokio::task::JoinSet;

use super::{List, Patience, Rows};
use crate::{Error, Group, Row, Verdict};

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
                let request = request(self.list.clone(), pages, self.pauses);
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

    fn lost(&self) -> Error {
        let method = &self.list.call.method;
        self.list
            .client
            .malformed(method, "a page could not be read")
    }
}

/// Reads the pages of one request.
async fn request(list: List, pages: Vec<Page>, pauses: u32) -> Outcome {
    let mut group: Group = pages.iter().map(|page| list.page_call(page.span)).collect();
    group.lane = list.call.lane;
    group.deadline = list.call.deadline;
    let answers: Vec<_> = match list.client.group(group).await {
        Ok(answers) => answers.into_iter().collect(),
        Err(error) => vec![Err(error); pages.len()],
    };
    let read = |(page, answer): (Page, Result<_, Error>)| {
        let rows = answer.and_then(|answer| list.read(page.span, &answer));
        (page, rows)
    };
    Outcome {
        pages: pages.into_iter().zip(answers).map(read).collect(),
        pauses,
    }
}
