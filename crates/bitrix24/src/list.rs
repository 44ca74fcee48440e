//! Lists longer than a page.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};

use crate::{Answer, Call, Client, Error, Id, Lane, Order, Row, call::DEADLINE_MAX, params::Param};

mod export;
mod page;
mod patience;
#[cfg(test)]
mod tests;

use page::{IdField, PAGE, Span};
use patience::Patience;

/// A list of records, to be read page by page or all at once.
///
/// ```no_run
/// # async fn example(client: bitrix24::Client) -> Result<(), bitrix24::Error> {
/// let mut companies = client
///     .list("crm.company.list")
///     .filter("=COMPANY_TYPE", "CUSTOMER")
///     .select(["ID", "TITLE"])
///     .export();
/// while let Some(company) = companies.next().await {
///     let company = company?;
///     println!("{:?}", company.text("TITLE"));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct List {
    client: Client,
    call: Call,
    field: IdField,
    after: u64,
}

impl List {
    pub(crate) fn new(client: Client, method: &str) -> Self {
        let field = IdField::of(method);
        let mut call = Call::read(method);
        if method.to_ascii_lowercase().starts_with("crm.item.") {
            // Without it the names of custom fields are rewritten by rules of their own.
            call = call.param("useOriginalUfNames", "Y");
        }
        Self {
            client,
            call,
            field,
            after: 0,
        }
    }

    /// Sets a parameter; see [`Call::param`].
    pub fn param(mut self, name: &str, value: impl Into<Param>) -> Self {
        self.call = self.call.param(name, value);
        self
    }

    /// Adds a condition; see [`Call::filter`]. Streams filter by id themselves and refuse another condition
    /// on it; begin them with [`List::after`].
    pub fn filter(mut self, condition: &str, value: impl Into<Param>) -> Self {
        self.call = self.call.filter(condition, value);
        self
    }

    /// The fields to return; see [`Call::select`]. The id is always returned.
    pub fn select<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        self.call = self.call.select(fields);
        self
    }

    /// Sorts, for [`List::first_page`]; streams sort by id and refuse another order.
    pub fn order(mut self, field: &str, order: Order) -> Self {
        self.call = self.call.order(field, order);
        self
    }

    /// Leaves out this record and all with smaller ids: where an earlier stream ended.
    pub fn after(mut self, id: Id) -> Self {
        self.after = id.get();
        self
    }

    /// What the id is called in the rows and in conditions, where it differs from what the method's name
    /// suggests: `ID` in both for the older methods, `id` in both for `crm.item.*`, `id` and `ID` for `tasks.*`.
    pub fn id_field(mut self, in_rows: &str, in_filter: &str) -> Self {
        self.field = IdField::new(in_rows, in_filter);
        self
    }

    /// Who waits for the rows; streams are background work unless this says otherwise.
    pub fn lane(mut self, lane: Lane) -> Self {
        self.call = self.call.lane(lane);
        self
    }

    /// The first page, fifty rows at most, in the order asked for and without counting the rest.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn first_page(mut self) -> Result<Vec<Row>, Error> {
        if self.after > 0 {
            self.call = self.call.filter(&self.field.greater(), self.after);
        }
        self.client.call(self.call.without_count()).await?.rows()
    }

    /// All rows in the order of their ids, page after page.
    ///
    /// Gentle and slow: one request for fifty rows, one at a time. It works for every method that can filter
    /// and sort by id. The stream ends with the first error; see [`List::after`] for going on.
    pub fn by_id(self) -> Rows {
        let list = match self.for_stream() {
            Ok(list) => list,
            Err(error) => return Rows::failed(error),
        };
        let start = (list, Patience::default(), false);
        let pages = stream::unfold(start, |(mut list, mut patience, is_done)| async move {
            if is_done {
                return None;
            }
            let page = match list.next_page(&mut patience).await {
                Ok(page) => page,
                Err(error) => return Some((vec![Err(error)], (list, patience, true))),
            };
            let is_last = page.len() < PAGE;
            if let Some((id, _)) = page.last() {
                list.after = *id;
            }
            let rows = page.into_iter().map(|(_, row)| Ok(row)).collect();
            Some((rows, (list, patience, is_last)))
        });
        Rows(pages.flat_map(stream::iter::<Vec<_>>).boxed())
    }

    /// All rows in the order of their ids, fifty pages to a request and many requests side by side. Requests
    /// get smaller where the portal fails over them or answers with too much.
    ///
    /// Every row that is there from beginning to end comes exactly once; rows that come or go meanwhile may
    /// or may not. Nothing is counted, and no more than about seventy thousand rows, or 128 MiB of them, are
    /// held at once. The stream ends with the first error; see [`List::after`] for going on.
    pub fn export(self) -> Rows {
        match self.for_stream() {
            Ok(list) => export::rows(list),
            Err(error) => Rows::failed(error),
        }
    }

    async fn next_page(&self, patience: &mut Patience) -> Result<Vec<(u64, Row)>, Error> {
        let span = Span::after(self.after);
        loop {
            let answer = self.client.call(self.page_call(span)).await;
            match answer.and_then(|answer| self.read(span, &answer)) {
                Ok(page) => {
                    patience.restore();
                    return Ok(page);
                }
                Err(error) => patience.wait(error).await?,
            }
        }
    }

    /// The call for the page of a span.
    fn page_call(&self, span: Span) -> Call {
        let mut call = self.call.clone();
        if span.after > 0 {
            call = call.filter(&self.field.greater(), span.after);
        }
        if let Some(until) = span.until {
            call = call.filter(&self.field.at_most(), until);
        }
        call.order(self.field.in_filter(), span.order)
            .without_count()
    }

    /// The rows of a page with their ids, ascending, if it is the page of this span.
    fn read(&self, span: Span, answer: &Answer) -> Result<Vec<(u64, Row)>, Error> {
        page::read(answer, &self.field, span)
    }

    /// Checks what streams cannot do, and sets what they need.
    fn for_stream(mut self) -> Result<Self, Error> {
        let malformed = |why: &str| Err(self.client.malformed(&self.call.method, why));
        for taken in ["order", "start"] {
            if self.call.params.has(taken) {
                return malformed(&format!("a stream of all rows has its own {taken}"));
            }
        }
        let is_id = |condition: &str| self.field.is_named_by(condition);
        if self.call.params.entry_keys("filter").any(is_id) {
            return malformed("a stream of all rows filters by id itself; begin it with after()");
        }
        let in_rows = self.field.in_rows().to_owned();
        self.call.params.select_also(&in_rows);
        self.call.lane.get_or_insert(Lane::Background);
        self.call.deadline.get_or_insert(STREAM_DEADLINE);
        Ok(self)
    }
}

/// Streams wait their turn longer than callers do.
const STREAM_DEADLINE: Duration = DEADLINE_MAX;

/// Rows as they come.
#[must_use]
pub struct Rows(BoxStream<'static, Result<Row, Error>>);

impl Rows {
    fn failed(error: Error) -> Self {
        Self(stream::iter([Err(error)]).boxed())
    }

    /// The next row; `None` after the last, and after an error.
    pub async fn next(&mut self) -> Option<Result<Row, Error>> {
        self.0.next().await
    }
}

impl Stream for Rows {
    type Item = Result<Row, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rows")
    }
}
