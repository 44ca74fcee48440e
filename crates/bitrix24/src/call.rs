//! One call of one method.

use std::time::Duration;

use crate::params::{Param, Params};

#[cfg(test)]
mod tests;

/// The longest deadline a call may have. A portal ends every request after 60 seconds; a client that gave
/// up later would never be the first to know.
pub(crate) const DEADLINE_MAX: Duration = Duration::from_secs(59);

/// Whether a call changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Changes nothing: may be repeated, and merged with an equal one.
    Read,
    /// Changes something: never repeated once it may have left this machine.
    Write,
}

/// Who waits for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A person. Goes first, and may use the whole budget.
    #[default]
    Interactive,
    /// Nobody in particular. Goes after all people, and leaves the reserve alone.
    Background,
}

/// Sort direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// A method with its parameters.
///
/// ```
/// use bitrix24::{Call, Order};
///
/// let call = Call::read("crm.company.list")
///     .filter("=UF_CRM_TAX_ID", "0301234567")
///     .select(["ID", "TITLE", "UF_CRM_TAX_ID"])
///     .order("DATE_MODIFY", Order::Descending)
///     .without_count();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Call {
    pub(crate) method: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) params: Params,
    pub(crate) lane: Option<Lane>,
    pub(crate) deadline: Option<Duration>,
    /// Parameters were given that are no object.
    is_shapeless: bool,
}

impl Call {
    /// A call that changes nothing.
    pub fn read(method: &str) -> Self {
        Self::of_kind(method, Kind::Read)
    }

    /// A call that changes something.
    pub fn write(method: &str) -> Self {
        Self::of_kind(method, Kind::Write)
    }

    /// A call whose kind is inferred from the method's name. A name that does not clearly read is taken
    /// for a write, which is the safe mistake.
    pub fn new(method: &str) -> Self {
        Self::of_kind(method, inferred(method))
    }

    fn of_kind(method: &str, kind: Kind) -> Self {
        Self {
            method: method.into(),
            kind,
            params: Params::default(),
            lane: None,
            deadline: None,
            is_shapeless: false,
        }
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Whether the call changes anything.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Sets a parameter; one of that name, in any case, is replaced.
    pub fn param(mut self, name: &str, value: impl Into<Param>) -> Self {
        self.params.set(name, value.into());
        self
    }

    /// Sets parameters from a JSON object; a call with anything else is not sent. Build `order` with
    /// [`Call::order`] when it has several keys: [`serde_json::json!`] sorts them.
    pub fn params(mut self, values: impl Into<Param>) -> Self {
        match values.into() {
            Param::Map(entries) => self.params.extend(entries),
            _ => self.is_shapeless = true,
        }
        self
    }

    /// Adds a condition, such as `("=UF_CRM_TAX_ID", "0301234567")`. The prefix says how to compare; give
    /// `=` even for equality, so that no part of the value is ever taken for a wildcard.
    pub fn filter(mut self, condition: &str, value: impl Into<Param>) -> Self {
        self.params.set_entry("filter", condition, value.into());
        self
    }

    /// The fields to return. Multifields (`PHONE`, `EMAIL`) come only when named.
    pub fn select<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        let fields = fields.into_iter().map(Param::from).collect();
        self.params.set("select", Param::List(fields));
        self
    }

    /// Sorts by a field, after those named before.
    pub fn order(mut self, field: &str, order: Order) -> Self {
        let direction = match order {
            Order::Ascending => "ASC",
            Order::Descending => "DESC",
        };
        self.params.set_entry("order", field, direction.into());
        self
    }

    /// The first row to return: a multiple of 50.
    pub fn start(self, row: u64) -> Self {
        self.param("start", row)
    }

    /// Asks for one page without counting the rest: five hundred times faster on a large table (vendor's
    /// figures). The answer then has neither a total nor a next page.
    pub fn without_count(self) -> Self {
        self.param("start", -1)
    }

    /// Who waits for the call; the client's lane otherwise.
    pub fn lane(mut self, lane: Lane) -> Self {
        self.lane = Some(lane);
        self
    }

    /// How long the caller is willing to wait, queueing included; 59 seconds at most, the client's
    /// deadline otherwise.
    pub fn deadline(mut self, after: Duration) -> Self {
        self.deadline = Some(after);
        self
    }

    /// What keeps the call from being sent, whatever the portal thinks of it.
    pub(crate) fn flaw(&self) -> Option<String> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_';
        if self.method.is_empty() || !self.method.bytes().all(is_name) {
            return Some("a method name is letters, digits, dots and underscores".to_owned());
        }
        if self.method.eq_ignore_ascii_case("batch") {
            return Some("batches are made by the client; send a group".to_owned());
        }
        if self.is_shapeless {
            return Some("parameters are an object".to_owned());
        }
        if self.params.has("auth") {
            return Some("the parameter auth belongs to the client".to_owned());
        }
        let twice = self.params.named_twice()?;
        Some(format!(
            "the parameter {twice} is there twice in different case, and the portal would drop one"
        ))
    }
}

/// Last parts of names that read. `event.offline.get` takes events off their queue.
fn inferred(method: &str) -> Kind {
    let method = method.to_ascii_lowercase();
    let last = method.rsplit('.').next().unwrap_or_default();
    match last {
        _ if method == "event.offline.get" => Kind::Write,
        "list" | "get" | "fields" | "current" | "getfields" | "getlist" | "gettypes" | "types"
        | "time" | "scope" | "methods" | "profile" | "search" | "findbycomm" | "count"
        | "searchcrmentities" => Kind::Read,
        _ => Kind::Write,
    }
}
