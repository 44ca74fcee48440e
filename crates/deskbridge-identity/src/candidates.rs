//! The values under which a company may be found in the CRM, in the order in which they are believed.

use std::fmt;

/// Digits in a company id at most; longer runs are something else.
const DIGITS_MAX: usize = 20;
/// Digits in a run within a name at least; shorter runs are house numbers.
const RUN_DIGITS_MIN: usize = 4;

/// A Haravan company id: digits, not all of them zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CompanyId(String);

impl CompanyId {
    /// Reads an id, ignoring blanks around it; `None` for anything but digits, and for zero, which is
    /// how an empty number field looks.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim();
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_zero = digits.bytes().all(|byte| byte == b'0');
        (is_number && !is_zero && digits.len() <= DIGITS_MAX).then(|| Self(digits.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CompanyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a candidate came from. The order of the variants is the order of belief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// `HD Ticket.custom_haravan_profile_orgid`.
    TicketProfileOrgid,
    /// `HD Ticket.custom_orgid`.
    TicketOrgid,
    /// `HD Ticket.custom_org_id`.
    TicketOrgId,
    /// `HD Customer.custom_haravan_company_id`.
    CustomerCompanyId,
    /// `HD Customer.custom_haravan_orgid`.
    CustomerOrgid,
    /// The run of digits at the beginning or the end of the HD Customer's name.
    CustomerName,
    /// Given by the caller.
    Request,
}

/// One value under which a company may be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The value.
    pub id: CompanyId,
    /// Where it was first seen.
    pub source: Source,
}

/// What is known of a ticket and its customer; absent values are empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// `HD Ticket.custom_haravan_profile_orgid`.
    pub ticket_profile_orgid: &'a str,
    /// `HD Ticket.custom_orgid`.
    pub ticket_orgid: &'a str,
    /// `HD Ticket.custom_org_id`.
    pub ticket_org_id: &'a str,
    /// `HD Customer.custom_haravan_company_id`.
    pub customer_company_id: &'a str,
    /// `HD Customer.custom_haravan_orgid`.
    pub customer_orgid: &'a str,
    /// `HD Customer.name`.
    pub customer_name: &'a str,
}

/// The candidates of a ticket, most believed first, each value once.
pub fn candidates(known: &Known<'_>) -> Vec<Candidate> {
    let (leading, trailing) = runs_of_digits(known.customer_name);
    let values = [
        (known.ticket_profile_orgid, Source::TicketProfileOrgid),
        (known.ticket_orgid, Source::TicketOrgid),
        (known.ticket_org_id, Source::TicketOrgId),
        (known.customer_company_id, Source::CustomerCompanyId),
        (known.customer_orgid, Source::CustomerOrgid),
        (leading, Source::CustomerName),
        (trailing, Source::CustomerName),
    ];
    let mut candidates: Vec<Candidate> = Vec::new();
    for (value, source) in values {
        let Some(id) = CompanyId::parse(value) else {
            continue;
        };
        if candidates.iter().all(|candidate| candidate.id != id) {
            candidates.push(Candidate { id, source });
        }
    }
    candidates
}

/// The runs of digits at the beginning and at the end of a name, empty where there is none of at least
/// four digits.
fn runs_of_digits(name: &str) -> (&str, &str) {
    let name = name.trim();
    let is_digit = |character: char| character.is_ascii_digit();
    let after_leading = name.trim_start_matches(is_digit);
    let before_trailing = name.trim_end_matches(is_digit);
    let leading = name.strip_suffix(after_leading).unwrap_or_default();
    let trailing = name.strip_prefix(before_trailing).unwrap_or_default();
    let long_enough = |run: &'_ str| run.len() >= RUN_DIGITS_MIN;
    (
        if long_enough(leading) { leading } else { "" },
        if long_enough(trailing) { trailing } else { "" },
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(known: Known<'_>, expected: &[(&str, Source)]) {
        let found = candidates(&known);
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.id.as_str(), one.source))
            .collect();
        assert_eq!(found, expected, "{known:?}");
    }

    #[test]
    fn candidates_come_in_the_order_of_belief() {
        let all = Known {
            ticket_profile_orgid: "200000000001",
            ticket_orgid: "200000000002",
            ticket_org_id: "200000000003",
            customer_company_id: "200000000004",
            customer_orgid: "1000000005",
            customer_name: "1000000006 - Tiệm Hoa - 1000000007",
        };
        check(
            all,
            &[
                ("200000000001", Source::TicketProfileOrgid),
                ("200000000002", Source::TicketOrgid),
                ("200000000003", Source::TicketOrgId),
                ("200000000004", Source::CustomerCompanyId),
                ("1000000005", Source::CustomerOrgid),
                ("1000000006", Source::CustomerName),
                ("1000000007", Source::CustomerName),
            ],
        );
    }

    #[test]
    fn only_digits_are_company_ids_and_each_is_tried_once() {
        check(Known::default(), &[]);
        let blanks = Known {
            ticket_orgid: "  ",
            customer_orgid: "0",
            ..Known::default()
        };
        check(blanks, &[]);
        let text = Known {
            ticket_orgid: "ORG-100200",
            ticket_org_id: "12.5",
            ..Known::default()
        };
        check(text, &[]);
        let long = Known {
            ticket_orgid: "123456789012345678901",
            ..Known::default()
        };
        check(long, &[]);
        let other_digits = Known {
            ticket_orgid: "١٢٣٤٥",
            ..Known::default()
        };
        check(other_digits, &[]);
        let twice = Known {
            ticket_profile_orgid: " 100200 ",
            customer_orgid: "100200",
            customer_name: "Shop - 100200",
            ..Known::default()
        };
        check(twice, &[("100200", Source::TicketProfileOrgid)]);
    }

    #[test]
    fn a_name_gives_the_digits_at_its_ends() {
        for (customer_name, expected) in [
            ("Tiệm Hoa - 1000069000", &["1000069000"][..]),
            ("1000069000 - Tiệm Hoa", &["1000069000"]),
            ("1000069000", &["1000069000"]),
            ("Tiệm 1000069000 Hoa", &[]),
            ("Tiệm Hoa 24", &[]),
            ("", &[]),
            ("Tiệm Hoa - 1000069000  ", &["1000069000"]),
        ] {
            let known = Known {
                customer_name,
                ..Known::default()
            };
            let expected: Vec<_> = expected
                .iter()
                .map(|id| (*id, Source::CustomerName))
                .collect();
            check(known, &expected);
        }
    }

    proptest! {
        #[test]
        fn whatever_a_name_holds_candidates_are_digits(name: String, orgid: String) {
            let known = Known { customer_name: &name, ticket_orgid: &orgid, ..Known::default() };
            for candidate in candidates(&known) {
                prop_assert!(candidate.id.as_str().bytes().all(|byte| byte.is_ascii_digit()));
            }
        }
    }
}
