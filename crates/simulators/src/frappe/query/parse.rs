//! Reads the parameters of a list.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Order, Query,
    condition::{Condition, OPERATORS},
    join::Source,
    select::{Function, Select},
};
use crate::frappe::{
    cell::{self, Kind},
    exception::{DATA, Exception, NOT_IMPLEMENTED, OPERATIONAL, PROGRAMMING, VALIDATION},
    meta::DocType,
    request,
    transaction::Transaction,
};

/// How many rows a list has when nobody says.
const DEFAULT_LIMIT: usize = 20;

impl Transaction<'_> {
    pub(super) fn parse_query(
        &mut self,
        doctype: &Arc<DocType>,
        params: &Map<String, Value>,
    ) -> Result<Query, Exception> {
        if doctype.is_single {
            let message = format!("('DocType', '{}')", doctype.name);
            return Err(Exception::new(PROGRAMMING, message));
        }
        let select = self.parse_fields(doctype, params.get("fields"))?;
        let filters = self.parse_filters(doctype, params.get("filters"))?;
        let or_filters = self.parse_filters(doctype, params.get("or_filters"))?;
        let order = self.parse_order(doctype, params)?;
        let text = |key: &str| params.get(key).map(cell::text).unwrap_or_default();
        let group_by = match text("group_by") {
            by if by.is_empty() => None,
            by => Some(self.source(doctype, &by)?.0),
        };
        let number = |key: &str| {
            let value = params.get(key).filter(|value| !value.is_null())?;
            usize::try_from(cell::int(value)).ok()
        };
        let limit = number("limit_page_length").or_else(|| number("limit"));
        let flag = |key: &str| matches!(&*text(key).to_lowercase(), "1" | "true");
        Ok(Query {
            doctype: Arc::clone(doctype),
            select,
            filters,
            or_filters,
            order,
            group_by,
            start: number("limit_start").unwrap_or_default(),
            limit: Some(limit.unwrap_or(DEFAULT_LIMIT)).filter(|limit| *limit > 0),
            distinct: flag("distinct"),
            as_lists: matches!(&*text("as_dict").to_lowercase(), "0" | "false"),
        })
    }

    fn parse_fields(
        &mut self,
        doctype: &Arc<DocType>,
        fields: Option<&Value>,
    ) -> Result<Vec<Select>, Exception> {
        let fields = match parsed(fields)? {
            Value::Array(fields) if !fields.is_empty() => fields,
            Value::String(fields) => fields.split(',').map(|field| field.trim().into()).collect(),
            _ => vec!["name".into()],
        };
        let fields = fields.iter().map(cell::text);
        fields
            .map(|field| self.parse_field(doctype, &field))
            .collect()
    }

    fn parse_field(&mut self, doctype: &Arc<DocType>, field: &str) -> Result<Select, Exception> {
        let field = field.trim();
        if field == "*" || field.ends_with(".*") {
            return Ok(Select::Star);
        }
        let (expression, alias) = match split_alias(field) {
            Some((expression, alias)) => (expression, Some(alias)),
            None => (field, None),
        };
        let call = expression.split_once('(').and_then(|(function, rest)| {
            Some((Function::named(function)?, rest.strip_suffix(')')?))
        });
        if let Some((function, of)) = call {
            let of = if of == "*" { "name" } else { of };
            let (source, kind) = self.source(doctype, of)?;
            let key = alias.unwrap_or(expression).into();
            return Ok(Select::Aggregate {
                function,
                source,
                kind,
                key,
            });
        }
        let (source, kind) = self.source(doctype, expression)?;
        let last = expression.rsplit('.').next().unwrap_or(expression);
        let key = alias.unwrap_or(last).trim_matches('`').into();
        Ok(Select::Value { source, kind, key })
    }

    /// Finds the column that an expression names.
    fn source(
        &mut self,
        doctype: &Arc<DocType>,
        expression: &str,
    ) -> Result<(Source, Kind), Exception> {
        let found = self.find_source(doctype, expression.trim());
        found.ok_or_else(|| {
            let message = format!("Field not permitted in query: {expression}");
            self.throw(DATA, message)
        })
    }

    fn find_source(&self, doctype: &Arc<DocType>, expression: &str) -> Option<(Source, Kind)> {
        let plain = |name: &str| {
            let column = doctype.column(name.trim_matches('`'))?;
            let kind = match column {
                0 if doctype.has_integer_names() => Kind::Int,
                column => doctype.kind(column),
            };
            Some((Source::Own(column), kind))
        };
        let Some((table, name)) = expression.rsplit_once('.') else {
            return plain(expression);
        };
        let name = name.trim_matches('`');
        let table = table.trim_matches('`');
        match table.strip_prefix("tab") {
            Some(table) if *table == *doctype.name => plain(name),
            Some(child) => self.child_source(doctype, child, name),
            None => self.linked_source(doctype, table, name),
        }
    }

    fn child_source(&self, doctype: &DocType, child: &str, name: &str) -> Option<(Source, Kind)> {
        let (field, _) = doctype.tables().find(|(_, options)| *options == child)?;
        let child = self.store.doctype(child)?;
        let column = child.column(name)?;
        let source = Source::Child {
            table: field.name.clone(),
            doctype: (&*child.name).into(),
            column,
        };
        Some((source, child.kind(column)))
    }

    fn linked_source(
        &self,
        doctype: &DocType,
        through: &str,
        name: &str,
    ) -> Option<(Source, Kind)> {
        let field = doctype.field(through)?;
        if field.kind == Kind::Table {
            return self.child_source(doctype, &field.options, name);
        }
        let target = self.store.doctype(&field.options)?;
        let column = target.column(name)?;
        let source = Source::Linked {
            link: field.column?,
            doctype: (&*target.name).into(),
            column,
        };
        Some((source, target.kind(column)))
    }

    fn parse_filters(
        &mut self,
        doctype: &Arc<DocType>,
        filters: Option<&Value>,
    ) -> Result<Vec<Condition>, Exception> {
        let mut conditions = Vec::new();
        match parsed(filters)? {
            Value::Object(filters) => {
                for (field, value) in filters {
                    let (operator, value) = match &value {
                        Value::Array(pair) => match pair.as_slice() {
                            [operator, value] => (cell::text(operator), value.clone()),
                            _ => ("in".to_owned(), value.clone()),
                        },
                        _ => ("=".to_owned(), value),
                    };
                    conditions.push(self.condition(doctype, None, &field, &operator, &value)?);
                }
            }
            Value::Array(filters) => {
                let single = filters.first().is_some_and(Value::is_string);
                let filters = if single {
                    vec![Value::Array(filters)]
                } else {
                    filters
                };
                for filter in &filters {
                    conditions.push(self.parse_filter(doctype, filter)?);
                }
            }
            // A text that is no JSON is the name.
            Value::String(name) => {
                conditions.push(self.condition(doctype, None, "name", "=", &name.into())?);
            }
            _ => {}
        }
        Ok(conditions)
    }

    fn parse_filter(
        &mut self,
        doctype: &Arc<DocType>,
        filter: &Value,
    ) -> Result<Condition, Exception> {
        let parts = filter.as_array().map(Vec::as_slice).unwrap_or_default();
        match parts {
            [field, value] => self.condition(doctype, None, &cell::text(field), "=", value),
            [field, operator, value] => {
                let (field, operator) = (cell::text(field), cell::text(operator));
                self.condition(doctype, None, &field, &operator, value)
            }
            [of, field, operator, value, ..] => {
                let (of, field, operator) =
                    (cell::text(of), cell::text(field), cell::text(operator));
                self.condition(doctype, Some(&of), &field, &operator, value)
            }
            _ => {
                let message = format!(
                    "Filter must have 4 values (doctype, fieldname, operator, value): {filter}"
                );
                Err(self.throw(VALIDATION, message))
            }
        }
    }

    fn condition(
        &mut self,
        doctype: &Arc<DocType>,
        of: Option<&str>,
        field: &str,
        operator: &str,
        value: &Value,
    ) -> Result<Condition, Exception> {
        let operator = operator.trim().to_lowercase();
        if !OPERATORS.contains(&&*operator) {
            let known = OPERATORS.join(", ");
            let message = format!("Operator must be one of {known}, descendants of (inclusive)");
            return Err(self.throw(VALIDATION, message));
        }
        let (source, kind) = match of.filter(|of| **of != *doctype.name) {
            Some(child) => match self.child_source(doctype, child, field) {
                Some(found) => found,
                None => {
                    return Err(self.throw(DATA, format!("Field not permitted in query: {field}")));
                }
            },
            None => self.source(doctype, field)?,
        };
        Condition::new(source, kind, &operator, value).ok_or_else(|| {
            let message =
                format!("the simulator does not know the operator {operator:?} with {value}");
            Exception::new(NOT_IMPLEMENTED, message)
        })
    }

    fn parse_order(
        &mut self,
        doctype: &Arc<DocType>,
        params: &Map<String, Value>,
    ) -> Result<Vec<Order>, Exception> {
        let text = params.get("order_by").map(cell::text).unwrap_or_default();
        let mut order = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (column, direction) = match part.rsplit_once(' ') {
                Some((column, direction)) => (column.trim(), direction),
                None => (part, "asc"),
            };
            let Some((by, _)) = self.find_source(doctype, column) else {
                let message = format!("(1054, \"Unknown column '{column}' in 'ORDER BY'\")");
                return Err(Exception::new(OPERATIONAL, message));
            };
            order.push(Order {
                by,
                descending: direction.eq_ignore_ascii_case("desc"),
            });
        }
        Ok(order)
    }
}

/// A parameter that may come as JSON or as a JSON text; other text stays text.
fn parsed(value: Option<&Value>) -> Result<Value, Exception> {
    match value {
        None | Some(Value::Null) => Ok(Value::Null),
        Some(Value::String(text)) if text.is_empty() => Ok(Value::Null),
        Some(Value::String(text)) if text.trim_start().starts_with(['[', '{', '"']) => {
            request::json(text.as_bytes())
        }
        Some(other) => Ok(other.clone()),
    }
}

fn split_alias(field: &str) -> Option<(&str, &str)> {
    let at = field.to_ascii_lowercase().rfind(" as ")?;
    Some((field.get(..at)?.trim(), field.get(at + 4..)?.trim()))
}
