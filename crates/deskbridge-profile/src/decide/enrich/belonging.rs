//! Whether what was found for a ticket is about the ticket's HD Customer at all: an id entered in a ticket may
//! be another shop's.

use bitrix24::Row;
use deskbridge_identity::{
    CompanyId,
    candidates::{Known, candidates},
};
use frappe::Document;

use crate::decide::{
    lookup::{COMPANY_ID_FIELD, MatchKey, MatchedCompany, ORG_ID_FIELD},
    normalise,
};

/// Whether a company may be written into a customer.
///
/// A customer with ids of its own is the company that carries one of them, or that has its domain. One without
/// is whichever company was written into it first.
pub fn is_of_customer(customer: &Document, found: &MatchedCompany) -> bool {
    let own = own_ids(customer);
    if own.iter().any(|id| carries(&found.row, id)) {
        return true;
    }
    if !own.is_empty() {
        return found.match_key == MatchKey::domain();
    }
    let written = customer
        .to_text("custom_bitrix_company_id")
        .filter(|id| !id.is_empty());
    let id = found.row.id("ID").map(|id| id.to_string());
    written.is_none() || written == id
}

/// Whether it says something about a customer that the CRM has no company for a ticket. `values` are the ids
/// that were looked for, the customer's own among them.
pub fn is_nothing_of_customer(customer: &Document, values: &[String]) -> bool {
    values.is_empty() || !own_ids(customer).is_empty()
}

fn own_ids(customer: &Document) -> Vec<CompanyId> {
    let of = |field| customer.to_text(field).unwrap_or_default();
    let [company_id, orgid, name] =
        ["custom_haravan_company_id", "custom_haravan_orgid", "name"].map(of);
    let own = candidates(&Known {
        customer_company_id: &company_id,
        customer_orgid: &orgid,
        customer_name: &name,
        ..Known::default()
    });
    own.into_iter().map(|candidate| candidate.id).collect()
}

fn carries(row: &Row, id: &CompanyId) -> bool {
    [COMPANY_ID_FIELD, ORG_ID_FIELD]
        .iter()
        .any(|field| normalise::text(row, field).as_deref() == Some(id.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::decide::lookup::Confidence;

    fn document(fields: Value) -> Document {
        let Value::Object(fields) = fields else {
            panic!("no object: {fields}")
        };
        Document::from(fields)
    }

    fn check(customer: Value, key: MatchKey, row: Value, expected: bool) {
        let text = format!("{customer} {key:?} {row}");
        let found = MatchedCompany {
            row: serde_json::from_value(row).unwrap(),
            value: None,
            matches: 1,
            match_key: key,
            confidence: Confidence::COMPANY_ID,
        };
        assert_eq!(
            is_of_customer(&document(customer), &found),
            expected,
            "{text}"
        );
    }

    #[test]
    fn a_company_belongs_to_the_customer_whose_id_or_domain_it_has() {
        let by_id = || MatchKey("haravan_orgid:UF_CRM_COMPANY_ID".to_owned());
        let row = |company, org| json!({"ID": "7", "UF_CRM_COMPANY_ID": company, "UF_CRM_HARAVAN_ORG_ID": org});
        let own = || json!({"name": "Tiệm Hoa", "custom_haravan_orgid": 1_000_001});
        check(own(), by_id(), row("1000001", ""), true);
        check(own(), by_id(), row("200000000009", "1000001"), true);
        check(own(), by_id(), row("1000002", "1000002"), false);
        check(own(), MatchKey::contact(), row("1000002", ""), false);
        check(own(), MatchKey::domain(), row("1000002", ""), true);
        let named = json!({"name": "Tiệm Hoa - 1000001"});
        check(named.clone(), by_id(), row("1000001", ""), true);
        check(named, by_id(), row("1000002", ""), false);
        let bare = || json!({"name": "Tiệm Hoa", "custom_haravan_orgid": 0});
        check(bare(), by_id(), row("1000002", ""), true);
        check(bare(), MatchKey::contact(), row("1000002", ""), true);
        let written = |id| json!({"name": "Tiệm Hoa", "custom_bitrix_company_id": id});
        check(written("7"), by_id(), row("1000002", ""), true);
        check(written("8"), by_id(), row("1000002", ""), false);
    }
}
