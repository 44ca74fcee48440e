//! What is kept of the helpdesk's documents: a ticket's description, with pictures in it, can have megabytes,
//! and none of it is shown or decided by.
//!
//! They are read whole all the same, because asking for a field that a site lacks is an error.

use frappe::Document;

/// The fields of HD Ticket, HD Customer and Contact that are shown, compared or looked for.
const FIELDS: [&str; 36] = [
    "contact",
    "custom_bitrix_company_id",
    "custom_bitrix_company_modified_at",
    "custom_bitrix_company_url",
    "custom_bitrix_contact_id",
    "custom_bitrix_contact_url",
    "custom_bitrix_last_checked_at",
    "custom_bitrix_last_synced_at",
    "custom_bitrix_match_confidence",
    "custom_bitrix_not_found_at",
    "custom_bitrix_sync_status",
    "custom_customer_segment",
    "custom_expired_date",
    "custom_first_paid_date",
    "custom_haravan_company_id",
    "custom_haravan_hsi_segment",
    "custom_haravan_orgid",
    "custom_haravan_profile_orgid",
    "custom_hsi_segment",
    "custom_myharavan",
    "custom_org_id",
    "custom_orgid",
    "custom_responsible",
    "custom_shopplan_name",
    "customer",
    "customer_name",
    "domain",
    "email_id",
    "first_name",
    "full_name",
    "last_name",
    "mobile_no",
    "name",
    "phone",
    "raised_by",
    "subject",
];

/// A document without what nobody looks at.
pub(super) fn what_is_used(document: Document) -> Document {
    let fields = document.into_fields().into_iter();
    fields
        .filter(|(field, _)| FIELDS.contains(&field.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where documents of the helpdesk are looked at.
    const READERS: [&str; 6] = [
        include_str!("../case.rs"),
        include_str!("../decide/answer.rs"),
        include_str!("../decide/enrich.rs"),
        include_str!("../service/enrichment.rs"),
        include_str!("../service/stored.rs"),
        include_str!("../service/writes.rs"),
    ];

    #[test]
    fn every_field_that_is_looked_at_is_kept() {
        let mut found = 0;
        for literal in READERS.iter().flat_map(|source| source.split('"')) {
            let is_name = literal
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            if literal.starts_with("custom_") && is_name {
                assert!(FIELDS.contains(&literal), "{literal}");
                found += 1;
            }
        }
        assert!(found > 23, "the sources have moved");
    }

    #[test]
    fn what_is_not_looked_at_is_dropped() {
        let ticket = Document::new()
            .with("name", "0001")
            .with("subject", "x")
            .with("custom_orgid", "7")
            .with("description", "<img src=\"data:image/png;base64,AAAA\">")
            .with("custom_notes", "long");
        let kept = what_is_used(ticket).into_fields();
        let names: Vec<&str> = kept.keys().map(String::as_str).collect();
        assert_eq!(names, ["custom_orgid", "name", "subject"]);
    }
}
