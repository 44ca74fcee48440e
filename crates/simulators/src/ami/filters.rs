//! Event filters of a connection, in the classic and in the advanced language.

use regex::bytes::{Regex, RegexBuilder};

use super::Release;

#[derive(Debug, Default)]
pub(super) struct Filters {
    includes: Vec<Filter>,
    excludes: Vec<Filter>,
}

#[derive(Debug)]
enum Filter {
    Whole(Regex),
    Criteria {
        name: Option<String>,
        header: Option<String>,
        method: Method,
    },
}

#[derive(Debug)]
enum Method {
    Any,
    Regex(Regex),
    Exact(Vec<u8>),
    StartsWith(Vec<u8>),
    EndsWith(Vec<u8>),
    Contains(Vec<u8>),
}

const NOT_COMPILED: &str = "Filter did not compile.  Check the syntax of the filter given.";
const WRONG_CRITERIA: &str =
    "Filter was formatted incorrectly.  Check the syntax of the filter given.";

impl Filters {
    /// Adds a filter, or says what is wrong with it.
    pub(super) fn add(
        &mut self,
        release: Release,
        criteria: Option<&str>,
        filter: &str,
    ) -> Result<(), &'static str> {
        match (release, criteria) {
            (Release::Asterisk22, Some(criteria)) => {
                let (filter, includes) = advanced(criteria, filter)?;
                self.put(filter, includes);
            }
            // An older one does not look at the criteria.
            (Release::Asterisk22, None) | (Release::Asterisk16, _) => {
                let (text, includes) = match filter.strip_prefix('!') {
                    Some(text) => (text, false),
                    None => (filter, true),
                };
                self.put(Filter::Whole(compile(text)?), includes);
            }
        }
        Ok(())
    }

    fn put(&mut self, filter: Filter, includes: bool) {
        match includes {
            true => self.includes.push(filter),
            false => self.excludes.push(filter),
        }
    }

    pub(super) fn let_through(&self, event: &[u8]) -> bool {
        let fits = |filter: &Filter| filter.fits(event);
        (self.includes.is_empty() || self.includes.iter().any(fits))
            && !self.excludes.iter().any(fits)
    }
}

fn compile(text: &str) -> Result<Regex, &'static str> {
    let built = RegexBuilder::new(text).dot_matches_new_line(true).build();
    built.map_err(|_error| NOT_COMPILED)
}

fn advanced(criteria: &str, value: &str) -> Result<(Filter, bool), &'static str> {
    let (mut name, mut header, mut method, mut includes) = (None, None, "none", true);
    for criterion in criteria.split("),") {
        let criterion = criterion.trim_end_matches(')');
        let (kind, argument) = criterion.split_once('(').ok_or(WRONG_CRITERIA)?;
        match (kind.trim(), argument) {
            ("name", argument) => name = Some(argument.to_owned()),
            ("header", argument) => header = Some(argument.to_owned()),
            ("method", argument) => method = argument,
            ("action", "include") => includes = true,
            ("action", "exclude") => includes = false,
            _ => return Err(WRONG_CRITERIA),
        }
    }
    let bytes = value.as_bytes().to_vec();
    let method = match method {
        "none" => Method::Any,
        "regex" => Method::Regex(compile(value)?),
        "exact" => Method::Exact(bytes),
        "starts_with" => Method::StartsWith(bytes),
        "ends_with" => Method::EndsWith(bytes),
        "contains" => Method::Contains(bytes),
        _ => return Err(WRONG_CRITERIA),
    };
    let filter = Filter::Criteria {
        name,
        header,
        method,
    };
    Ok((filter, includes))
}

impl Filter {
    fn fits(&self, event: &[u8]) -> bool {
        let (name, header, method) = match self {
            Self::Whole(regex) => return regex.is_match(event),
            Self::Criteria {
                name,
                header,
                method,
            } => (name, header, method),
        };
        let value = |wanted: &str| {
            let lines = event.split(|byte| *byte == b'\n');
            let mut lines = lines.map(<[u8]>::trim_ascii_end);
            lines.find_map(|line| line.strip_prefix(wanted.as_bytes())?.strip_prefix(b": "))
        };
        if name
            .as_ref()
            .is_some_and(|name| value("Event") != Some(name.as_bytes()))
        {
            return false;
        }
        match header {
            Some(header) => value(header).is_some_and(|value| method.fits(value)),
            None => method.fits(event),
        }
    }
}

impl Method {
    fn fits(&self, value: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Regex(regex) => regex.is_match(value),
            Self::Exact(wanted) => value == wanted,
            Self::StartsWith(wanted) => value.starts_with(wanted),
            Self::EndsWith(wanted) => value.ends_with(wanted),
            Self::Contains(wanted) => value
                .windows(wanted.len().max(1))
                .any(|part| part == wanted),
        }
    }
}
