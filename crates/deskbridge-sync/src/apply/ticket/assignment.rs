//! Who works on a ticket: a function of values.

/// What makes an assignment what it should be. The new agent comes first, so that the ticket is never nobody's.
#[derive(Debug, PartialEq)]
pub(super) struct Steps<'a> {
    pub(super) add: Option<&'a str>,
    pub(super) remove: Vec<&'a str>,
}

/// As the helpdesk itself does it, one agent takes the place of all others.
pub(super) fn steps<'a>(standing: &'a [String], wanted: Option<&'a str>) -> Steps<'a> {
    let is_wanted = |agent: &str| wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case(agent));
    Steps {
        add: wanted.filter(|_| !standing.iter().any(|agent| is_wanted(agent))),
        remove: standing
            .iter()
            .map(String::as_str)
            .filter(|agent| !is_wanted(agent))
            .collect(),
    }
}

/// Reads `_assign`: a list of addresses in a text.
pub(super) fn assigned(assign: Option<&str>) -> Vec<String> {
    assign
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_agent_takes_the_place_of_the_others() {
        let check = |standing, wanted, add, remove: &[&str]| {
            let standing = assigned(standing);
            let expected = Steps {
                add,
                remove: remove.to_vec(),
            };
            assert_eq!(steps(&standing, wanted), expected);
        };
        check(None, Some("a@x"), Some("a@x"), &[]);
        check(Some("[]"), None, None, &[]);
        check(Some(r#"["a@x"]"#), Some("a@x"), None, &[]);
        check(Some(r#"["A@x"]"#), Some("a@x"), None, &[]);
        let two = Some(r#"["b@x", "c@x"]"#);
        check(two, Some("a@x"), Some("a@x"), &["b@x", "c@x"]);
        check(two, Some("c@x"), None, &["b@x"]);
        check(two, None, None, &["b@x", "c@x"]);
        check(Some("no list"), Some("a@x"), Some("a@x"), &[]);
    }
}
