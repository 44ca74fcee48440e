//! What every document goes through before it is stored, whatever its DocType.

use std::sync::Arc;

use serde_json::Value;

use super::{
    cell::{self, Kind},
    document::Document,
    exception::{
        Exception, INVALID_EMAIL, INVALID_PHONE, LINK_VALIDATION, MANDATORY, Message, TOO_LONG,
        VALIDATION,
    },
    html,
    meta::Field,
    transaction::Transaction,
};

/// Fills in the defaults of fields that were not sent.
pub(crate) fn set_defaults(document: &mut Document, transaction: &Transaction<'_>) {
    let meta = Arc::clone(&document.meta);
    for field in meta.fields.iter().filter(|field| field.kind.is_stored()) {
        if document.get(&field.name).is_null() {
            let default = default_of(field, transaction);
            document.set(&field.name, default);
        }
    }
    for rows in document.tables.values_mut() {
        for row in rows.iter_mut().filter(|row| row.is_new()) {
            set_defaults(row, transaction);
        }
    }
}

fn default_of(field: &Field, transaction: &Transaction<'_>) -> Value {
    let given = field.default.as_deref();
    match (field.kind, given) {
        (Kind::Int | Kind::Check, given) => cell::int(&given.unwrap_or_default().into()).into(),
        (Kind::Float, given) => cell::float(&given.unwrap_or_default().into()).into(),
        (Kind::Date, Some("Today")) => transaction.now.date().to_string().into(),
        (Kind::Datetime, Some("Now")) => transaction.now_text().into(),
        (_, Some("__user")) => (&*transaction.user.name).into(),
        (_, Some(default)) => default.into(),
        (Kind::Select, None) => field
            .options
            .split('\n')
            .next()
            .map_or(Value::Null, |first| first.trim().into()),
        (_, None) => Value::Null,
    }
}

impl Transaction<'_> {
    /// Checks every link and rewrites its value as the target spells it; fetches what hangs on it.
    pub(crate) fn validate_links(&mut self, document: &mut Document) -> Result<(), Exception> {
        let mut missing = Vec::new();
        self.collect_missing_links(document, None, &mut missing)?;
        let tables: Vec<String> = document.tables.keys().cloned().collect();
        for table in tables {
            let mut rows = document.tables.remove(&table).unwrap_or_default();
            for (number, row) in (1..).zip(&mut rows) {
                self.collect_missing_links(row, Some(number), &mut missing)?;
            }
            document.tables.insert(table, rows);
        }
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("Could not find {}", missing.join(", "));
        Err(self.throw(LINK_VALIDATION, message))
    }

    fn collect_missing_links(
        &mut self,
        document: &mut Document,
        row: Option<usize>,
        missing: &mut Vec<String>,
    ) -> Result<(), Exception> {
        let meta = Arc::clone(&document.meta);
        for field in &meta.fields {
            let target = match field.kind {
                Kind::Link => field.options.to_string(),
                Kind::DynamicLink => document.text(&field.options),
                _ => continue,
            };
            let value = document.text(&field.name);
            if value.is_empty() {
                continue;
            }
            if target.is_empty() {
                let label = meta.field(&field.options).map(|field| field.label.clone());
                let label = label.unwrap_or_else(|| field.options.clone());
                return Err(self.throw(VALIDATION, format!("{label} must be set first")));
            }
            // The reference of a message is looked up by its controller, and answers otherwise.
            if &*meta.name == "Communication" && &*field.name == "reference_name" {
                continue;
            }
            let fetched: Vec<_> = fields_fetched_through(&meta.fields, &field.name);
            match self.link_target(&target, &value) {
                Target::Unknown => {}
                Target::Found(name) => {
                    document.set(&field.name, &*name);
                    self.fetch(document, &target, &name, &fetched);
                }
                Target::Missing
                    if !fetched.is_empty() && !self.versions.checks_fetching_links() => {}
                Target::Missing => {
                    let place = row.map(|row| format!("Row #{row}: ")).unwrap_or_default();
                    missing.push(format!("{place}{}: {value}", field.label));
                    document.set(&field.name, Value::Null);
                }
            }
        }
        Ok(())
    }

    fn link_target(&self, doctype: &str, name: &str) -> Target {
        if doctype == "DocType" {
            return match self.store.doctype(name) {
                Some(doctype) => Target::Found(doctype.name.clone()),
                None => Target::Missing,
            };
        }
        match self.store.doctype(doctype) {
            None => Target::Unknown,
            Some(meta) if meta.is_single => Target::Found(name.into()),
            Some(_) => match self.store.row(doctype, name) {
                Some(row) => Target::Found(row.name.clone()),
                None => Target::Missing,
            },
        }
    }

    fn fetch(&self, document: &mut Document, target: &str, name: &str, fields: &[&Field]) {
        for field in fields {
            let Some((_, source)) = field.fetched_from() else {
                continue;
            };
            if field.is("fetch_if_empty") && document.has(&field.name) {
                continue;
            }
            document.set(&field.name, self.value(target, name, source));
        }
    }

    /// The checks that follow on the controller's own, in Frappe's order.
    pub(crate) fn validate_values(&mut self, document: &mut Document) -> Result<(), Exception> {
        self.validate_mandatory(document)?;
        let name = document.name.clone();
        let doctype = document.meta.name.clone();
        self.validate_fields(document, &doctype, &name, None)?;
        for rows in document.tables.values_mut() {
            for (number, row) in (1..).zip(rows) {
                self.validate_fields(row, &doctype, &name, Some(number))?;
            }
        }
        Ok(())
    }

    fn validate_mandatory(&mut self, document: &Document) -> Result<(), Exception> {
        let mut missing = Vec::new();
        let mut collect = |document: &Document, row: Option<usize>| {
            for field in document.meta.fields.iter().filter(|field| field.reqd) {
                let filled = match field.kind {
                    Kind::Table => !document.rows(&field.name).is_empty(),
                    Kind::Layout => true,
                    _ => !document.text(&field.name).trim().is_empty(),
                };
                if !filled {
                    let place = row.map(|row| format!("Row #{row}: ")).unwrap_or_default();
                    missing.push((field.name.clone(), format!("{place}{}", field.label)));
                }
            }
        };
        collect(document, None);
        for rows in document.tables.values() {
            for (number, row) in (1..).zip(rows) {
                collect(row, Some(number));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let doctype = &document.meta.name;
        for (_, label) in &missing {
            let message = format!("Error: Value missing for {doctype}: {label}");
            self.messages.push(Message::note(message));
        }
        let names: Vec<&str> = missing.iter().map(|(name, _)| &**name).collect();
        let message = format!("[{doctype}, {}]: {}", document.name, names.join(", "));
        Err(Exception::new(MANDATORY, message))
    }

    fn validate_fields(
        &mut self,
        document: &mut Document,
        doctype: &str,
        name: &str,
        row: Option<usize>,
    ) -> Result<(), Exception> {
        let meta = Arc::clone(&document.meta);
        let fields = || meta.fields.iter().filter(|field| field.kind.is_stored());
        for field in fields() {
            let value = document.text(&field.name);
            self.validate_text_sort(field, &value)?;
        }
        for field in fields().filter(|field| field.kind == Kind::Select) {
            self.validate_choice(document, field, row)?;
        }
        for field in fields() {
            let value = document.text(&field.name);
            let chars_max = field.chars_max().unwrap_or(usize::MAX);
            if value.chars().count() > chars_max {
                let place = row.map(|row| format!(" Row #{row}")).unwrap_or_default();
                let message = format!(
                    "{doctype} {name}{place}: '<strong>{}</strong>' ({value}) will get truncated, as max \
                     characters allowed is {chars_max}",
                    field.label
                );
                return Err(self.throw_titled(TOO_LONG, message, "Value too big"));
            }
        }
        for field in fields() {
            fix(document, field);
        }
        Ok(())
    }

    fn validate_text_sort(&mut self, field: &Field, value: &str) -> Result<(), Exception> {
        if field.kind != Kind::Data || value.is_empty() {
            return Ok(());
        }
        match &*field.options {
            "Email" => {
                let wrong = value
                    .split(',')
                    .map(str::trim)
                    .find(|address| !is_email(address));
                match wrong {
                    Some(_) => Err(self.invalid_email(value)),
                    None => Ok(()),
                }
            }
            "Phone" if !is_phone(value) => {
                let message = format!("{value} is not a valid Phone Number");
                Err(self.throw(INVALID_PHONE, message))
            }
            _ => Ok(()),
        }
    }

    /// The exception for a text that is no e-mail address.
    pub(crate) fn invalid_email(&mut self, value: &str) -> Exception {
        self.throw(
            INVALID_EMAIL,
            format!("{value} is not a valid Email Address"),
        )
    }

    fn validate_choice(
        &mut self,
        document: &Document,
        field: &Field,
        row: Option<usize>,
    ) -> Result<(), Exception> {
        let value = document.text(&field.name);
        let value = value.trim();
        let choices: Vec<&str> = field.options.split('\n').map(str::trim).collect();
        if value.is_empty()
            || choices.iter().all(|choice| choice.is_empty())
            || choices.contains(&value)
        {
            return Ok(());
        }
        let place = row.map(|row| format!("Row #{row}:")).unwrap_or_default();
        let message = format!(
            "{place} {} cannot be \"{value}\". It should be one of \"{}\"",
            field.label,
            choices.join("\", \"")
        );
        Err(self.throw(VALIDATION, message))
    }
}

enum Target {
    Found(Box<str>),
    Missing,
    /// The site has no such DocType in this simulation: nothing is checked.
    Unknown,
}

fn fields_fetched_through<'a>(fields: &'a [Field], link: &str) -> Vec<&'a Field> {
    let fetched = fields.iter().filter(|field| {
        let source = field.fetched_from();
        source.is_some_and(|(through, _)| through == link)
    });
    fetched.collect()
}

/// Numbers become numbers, and texts lose what could be a script.
fn fix(document: &mut Document, field: &Field) {
    let value = document.get(&field.name);
    match field.kind {
        Kind::Int | Kind::Check if !value.is_null() => {
            let number = cell::int(value);
            document.set(&field.name, number);
        }
        Kind::Float | Kind::Duration if value.is_string() => {
            let number = cell::float(value);
            document.set(&field.name, number);
        }
        Kind::Data | Kind::Long | Kind::Html if !field.is("ignore_xss_filter") => {
            let Some(text) = value.as_str() else { return };
            let is_json = || serde_json::from_str::<Value>(text).is_ok();
            if html::looks_like_html(text) && !is_json() {
                let clean = html::sanitised(text);
                document.set(&field.name, clean);
            }
        }
        _ => {}
    }
}

/// Whether a text is one e-mail address, with or without a name before it.
pub(crate) fn is_email(text: &str) -> bool {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => text,
    };
    let Some((local, domain)) = address.split_once('@') else {
        return false;
    };
    let local_letter =
        |letter: char| letter.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(letter);
    let label = |label: &str| {
        let letters = label
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        letters && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    !local.is_empty()
        && local.chars().all(local_letter)
        && domain.contains('.')
        && domain.split('.').all(label)
}

fn is_phone(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_digit() || " +_-,.*#()".contains(letter);
    (1..=20).contains(&text.chars().count()) && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_numbers_are_told_from_other_text() {
        for (text, expected) in [
            ("a@example.com", true),
            ("An <an@example.com>", true),
            ("not an address", false),
            ("a@b", false),
            ("a b@example.com", false),
            ("@example.com", false),
        ] {
            assert_eq!(is_email(text), expected, "{text}");
        }
        for (text, expected) in [("+84 (90) 123-45", true), ("abc", false), ("", false)] {
            assert_eq!(is_phone(text), expected, "{text}");
        }
    }
}
