//! What to list: fields, filters, order, how many.

use serde_json::{Value, json};

use crate::query::Query;

/// The rows per page when nothing else is asked for; Frappe's own default.
const PAGE_ROWS_DEFAULT: u32 = 20;

/// A list to ask for.
///
/// ```
/// use frappe::{Filter, List, Op, Order};
/// let open = List::new()
///     .fields(["name", "subject", "customer.custom_orgid as orgid"])
///     .filter(Filter::new("status", Op::NotIn, ["Closed", "Resolved"]))
///     .filter(Filter::is_set("customer"))
///     .order_by("modified", Order::Ascending)
///     .order_by("name", Order::Ascending)
///     .limit(100);
/// # let _ = open;
/// ```
#[derive(Clone, Debug, Default)]
pub struct List {
    fields: Vec<String>,
    filters: Vec<Filter>,
    or_filters: Vec<Filter>,
    order_by: Vec<(String, Order)>,
    group_by: Option<String>,
    parent: Option<String>,
    limit: Option<u32>,
    start: u64,
}

impl List {
    /// The names of the first twenty documents, in no order.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds fields to what a row has; without any it is the name alone.
    ///
    /// A field is a fieldname, a field of a linked document (`customer.custom_orgid as orgid`), a field of a child
    /// table ([`child_field`]), an aggregate (`count(name) as n`) or `*`. An unknown field fails the list
    /// ([`Validation`](crate::Cause::Validation) of kind `DataError`).
    #[must_use]
    pub fn fields<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.fields.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Adds a filter; all filters must hold.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Adds an alternative; with any given, at least one must hold beside all filters.
    #[must_use]
    pub fn or_filter(mut self, filter: Filter) -> Self {
        self.or_filters.push(filter);
        self
    }

    /// Adds a field to order by. Without any the order is undefined. An unknown one fails the list
    /// ([`ServerFault`](crate::Cause::ServerFault)).
    #[must_use]
    pub fn order_by(mut self, field: impl Into<String>, order: Order) -> Self {
        self.order_by.push((field.into(), order));
        self
    }

    /// Groups the rows, for aggregates.
    #[must_use]
    pub fn group_by(mut self, field: impl Into<String>) -> Self {
        self.group_by = Some(field.into());
        self
    }

    /// The DocType whose child table is listed: without it Frappe refuses to list a child table (403).
    #[must_use]
    pub fn parent(mut self, doctype: impl Into<String>) -> Self {
        self.parent = Some(doctype.into());
        self
    }

    /// At most so many rows; 0 for all of them. Frappe has no upper bound of its own (observed on 15.50).
    #[must_use]
    pub fn limit(mut self, rows: u32) -> Self {
        self.limit = Some(rows);
        self
    }

    /// Leaves out the first rows.
    #[must_use]
    pub fn start(mut self, rows: u64) -> Self {
        self.start = rows;
        self
    }

    pub(crate) fn rows_max(&self) -> u32 {
        self.limit.unwrap_or(PAGE_ROWS_DEFAULT)
    }

    /// Whether rows have this field under its own name.
    pub(crate) fn has_field(&self, field: &str) -> bool {
        match self.fields.is_empty() {
            true => field == "name",
            false => self
                .fields
                .iter()
                .any(|given| given == field || given == "*"),
        }
    }

    /// The list without order and from its first row.
    pub(crate) fn unordered(self) -> Self {
        Self {
            order_by: Vec::new(),
            start: 0,
            ..self
        }
    }

    /// The list as query parameters of `/api/resource`.
    pub(crate) fn query(&self) -> Query {
        let mut query = Query::new();
        for (key, value) in self.arguments() {
            query.push(key, &value);
        }
        query
    }

    /// The list as arguments of `frappe.client.get_list`.
    pub(crate) fn arguments(&self) -> Vec<(&'static str, Value)> {
        let mut arguments = Vec::new();
        if !self.fields.is_empty() {
            arguments.push(("fields", json!(self.fields)));
        }
        if !self.filters.is_empty() {
            arguments.push(("filters", rows_of(&self.filters)));
        }
        if !self.or_filters.is_empty() {
            arguments.push(("or_filters", rows_of(&self.or_filters)));
        }
        if !self.order_by.is_empty() {
            let parts: Vec<String> = self
                .order_by
                .iter()
                .map(|(field, order)| format!("{field} {}", order.as_str()))
                .collect();
            arguments.push(("order_by", json!(parts.join(", "))));
        }
        if let Some(field) = &self.group_by {
            arguments.push(("group_by", json!(field)));
        }
        if let Some(doctype) = &self.parent {
            arguments.push(("parent", json!(doctype)));
        }
        if let Some(rows) = self.limit {
            arguments.push(("limit_page_length", json!(rows)));
        }
        if self.start > 0 {
            arguments.push(("limit_start", json!(self.start)));
        }
        arguments
    }
}

/// A field of a child table, for [`List::fields`].
///
/// ```
/// assert_eq!(
///     frappe::child_field("Contact Email", "email_id"),
///     "`tabContact Email`.email_id"
/// );
/// ```
pub fn child_field(doctype: &str, field: &str) -> String {
    format!("`tab{doctype}`.{field}")
}

fn rows_of(filters: &[Filter]) -> Value {
    filters.iter().map(Filter::to_json).collect()
}

/// In which direction a field orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Order {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }
}

/// A condition on one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    child: Option<String>,
    field: String,
    op: Op,
    value: Value,
}

impl Filter {
    /// A condition on a field of the document itself, or of a linked one (`customer.domain`).
    pub fn new(field: impl Into<String>, op: Op, value: impl Into<Value>) -> Self {
        Self {
            child: None,
            field: field.into(),
            op,
            value: value.into(),
        }
    }

    /// The field has this value.
    pub fn eq(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(field, Op::Eq, value)
    }

    /// The field has a value.
    pub fn is_set(field: impl Into<String>) -> Self {
        Self::new(field, Op::Is, "set")
    }

    /// The field is empty or null.
    pub fn is_not_set(field: impl Into<String>) -> Self {
        Self::new(field, Op::Is, "not set")
    }

    /// Makes it a condition on a row of a child table.
    ///
    /// ```
    /// use frappe::Filter;
    /// let by_address = Filter::eq("email_id", "an@example.com").of("Contact Email");
    /// # let _ = by_address;
    /// ```
    #[must_use]
    pub fn of(self, child_doctype: impl Into<String>) -> Self {
        Self {
            child: Some(child_doctype.into()),
            ..self
        }
    }

    fn to_json(&self) -> Value {
        match &self.child {
            Some(child) => json!([child, self.field, self.op.as_str(), self.value]),
            None => json!([self.field, self.op.as_str(), self.value]),
        }
    }
}

/// Filters in the shortest form that carries them: an object where every one says that a field has a value.
pub(crate) fn filters_to_json(filters: &[Filter]) -> Value {
    let mut object = serde_json::Map::new();
    for filter in filters {
        let is_plain = filter.child.is_none() && filter.op == Op::Eq;
        if !is_plain || object.contains_key(&filter.field) {
            return rows_of(filters);
        }
        object.insert(filter.field.clone(), filter.value.clone());
    }
    Value::Object(object)
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Equal by the site's collation: case, accents and blanks at the end do not count.
    Eq,
    /// Not equal.
    NotEq,
    /// Greater.
    Greater,
    /// Smaller.
    Less,
    /// Greater or equal.
    GreaterOrEq,
    /// Smaller or equal.
    LessOrEq,
    /// Matches a pattern with `%` for anything and `_` for one character.
    Like,
    /// Does not match a pattern.
    NotLike,
    /// One of a list.
    In,
    /// None of a list.
    NotIn,
    /// Between the two of a list, both included.
    Between,
    /// `"set"` or `"not set"`; see [`Filter::is_set`].
    Is,
    /// A span such as `"last week"`.
    Timespan,
    /// Above a node of a tree.
    AncestorsOf,
    /// Below a node of a tree.
    DescendantsOf,
    /// Below a node of a tree, or the node itself.
    DescendantsOfInclusive,
    /// Not above a node of a tree.
    NotAncestorsOf,
    /// Not below a node of a tree.
    NotDescendantsOf,
}

impl Op {
    fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::NotEq => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterOrEq => ">=",
            Self::LessOrEq => "<=",
            Self::Like => "like",
            Self::NotLike => "not like",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Between => "between",
            Self::Is => "is",
            Self::Timespan => "timespan",
            Self::AncestorsOf => "ancestors of",
            Self::DescendantsOf => "descendants of",
            Self::DescendantsOfInclusive => "descendants of (inclusive)",
            Self::NotAncestorsOf => "not ancestors of",
            Self::NotDescendantsOf => "not descendants of",
        }
    }
}

#[cfg(test)]
mod tests;
