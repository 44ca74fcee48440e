//! Walking through all documents of a list, page by page, without skipping one that is moved meanwhile.

use serde_json::Value;

use crate::{
    Client, Document, Error, Filter, List, Name, Op, Order,
    error::Cause,
    operation::{Operation, Verb},
};

/// In which order a walk goes, and so what it does not miss.
///
/// Both go on from the last document seen rather than from a row number: while somebody deletes or saves documents,
/// row numbers shift under a walk and it would miss some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// By name. Gives every document once that exists throughout the walk and is not renamed.
    Name,
    /// By the time of the last change, from the given `modified` on (as Frappe wrote it). A document that is changed
    /// during the walk is given again.
    ///
    /// For keeping in step, start a little before the last [`reached`](Walk::reached): a transaction that takes long
    /// appears with a `modified` that has passed.
    Modified {
        /// Where to start; at the first document without.
        since: Option<String>,
    },
}

/// A walk through a list.
///
/// ```no_run
/// # async fn example(client: frappe::Client) -> Result<(), frappe::Error> {
/// use frappe::{By, List};
/// let mut walk = client.walk("HD Ticket", List::new().fields(["subject"]).limit(100), By::Name);
/// while let Some(tickets) = walk.next_page().await? {
///     for ticket in tickets {
///         println!("{:?}", ticket.text("subject"));
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Walk {
    client: Client,
    doctype: String,
    list: List,
    by: By,
    /// The last name seen, in the JSON type that it came as.
    last: Option<Value>,
    /// The names seen with the `modified` that was reached.
    seen: Vec<Name>,
    is_over: bool,
}

impl Client {
    /// Prepares to walk through all documents of a list. The limit of the list is the size of a page; its order and
    /// its start do not count.
    pub fn walk(&self, doctype: impl Into<String>, list: List, by: By) -> Walk {
        let mut fields = Vec::new();
        fields.extend((!list.has_field("name")).then_some("name"));
        let needs_modified = matches!(by, By::Modified { .. }) && !list.has_field("modified");
        fields.extend(needs_modified.then_some("modified"));
        // Naming any field takes the place of the default, which is the name.
        if !fields.is_empty() && list.has_field("name") && !fields.contains(&"name") {
            fields.push("name");
        }
        Walk {
            client: self.clone(),
            doctype: doctype.into(),
            list: list.fields(fields),
            by,
            last: None,
            seen: Vec::new(),
            is_over: false,
        }
    }
}

impl Walk {
    /// The next page; `None` after the last one. After an error the same page can be asked for again.
    ///
    /// # Errors
    /// What [`Client::list`] may fail with.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Document>>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let (list, rows_max) = self.page();
        let mut rows = self.client.list(&self.doctype, &list).await?;
        let is_last = rows_max == 0 || (rows.len() as u64) < u64::from(rows_max);
        match &mut self.by {
            By::Name => {
                let name = rows.last().map(|row| row.get("name").cloned());
                // Without a name, or with the one before, the next page would be this one for ever.
                if name
                    .as_ref()
                    .is_some_and(|name| name.is_none() || *name == self.last)
                {
                    return Err(self.stands_still());
                }
                self.last = name.flatten().or(self.last.take());
            }
            By::Modified { since } => {
                let is_placed = |row: &Document| row.modified().is_some() && row.name().is_some();
                if !rows.iter().all(is_placed) {
                    return Err(self.stands_still());
                }
                rows.retain(|row| {
                    let is_seen = || row.name().is_some_and(|name| self.seen.contains(&name));
                    row.modified() != since.as_deref() || !is_seen()
                });
                for row in &rows {
                    if row.modified() != since.as_deref() {
                        *since = row.modified().map(str::to_owned);
                        self.seen.clear();
                    }
                    self.seen.extend(row.name());
                }
            }
        }
        self.is_over = is_last;
        Ok((!rows.is_empty()).then_some(rows))
    }

    fn stands_still(&self) -> Error {
        let operation = Operation::new(Verb::List, &self.doctype);
        Error::new(
            &operation,
            Cause::Shape("a page that does not say where it ends"),
        )
    }

    /// How far a walk by time of change has come: the last `modified` seen.
    pub fn reached(&self) -> Option<&str> {
        match &self.by {
            By::Name => None,
            By::Modified { since } => since.as_deref(),
        }
    }

    /// The list to ask for next, and its limit.
    fn page(&self) -> (List, u32) {
        let page_rows = self.list.rows_max();
        match &self.by {
            By::Name => {
                let mut list = self.list.clone().ordered_by(&["name"]).limit(page_rows);
                if let Some(last) = &self.last {
                    list = list.filter(Filter::new("name", Op::Greater, last.clone()));
                }
                (list, page_rows)
            }
            By::Modified { since } => {
                // Those that are given again for standing at the mark must not use up the page.
                let again = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
                let rows_max = match page_rows {
                    0 => 0,
                    _ => page_rows.saturating_add(again),
                };
                let order = ["modified", "name"];
                let mut list = self.list.clone().ordered_by(&order).limit(rows_max);
                if let Some(since) = since {
                    list = list.filter(Filter::new("modified", Op::GreaterOrEq, since.as_str()));
                }
                (list, rows_max)
            }
        }
    }
}

impl List {
    /// The list from its start in this order.
    fn ordered_by(self, fields: &[&str]) -> Self {
        fields.iter().fold(self.unordered(), |list, field| {
            list.order_by(*field, Order::Ascending)
        })
    }
}
