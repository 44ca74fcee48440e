//! A Bitrix24 contact as the agent sees it.

use bitrix24::Row;
use serde::{Deserialize, Serialize};

use super::{
    links::{Card, Links},
    normalise,
};

/// A contact of the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ContactView {
    /// Bitrix24's `ID`.
    pub contact_id: Option<String>,
    /// The name, else an address or number: never nothing when anything is known.
    pub title: Option<String>,
    /// First, second and last name.
    pub name: Option<String>,
    /// The first e-mail address.
    pub email: Option<String>,
    /// The first phone number.
    pub phone: Option<String>,
    /// The card.
    pub url: Option<String>,
}

/// What is shown of a contact.
pub fn view(row: &Row, links: &Links) -> ContactView {
    let parts = ["NAME", "SECOND_NAME", "LAST_NAME"].map(|field| normalise::text(row, field));
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = Some(name).filter(|name| !name.is_empty());
    let first = |field| {
        row.multifields(field)
            .into_iter()
            .next()
            .map(|value| value.value)
    };
    let (email, phone) = (first("EMAIL"), first("PHONE"));
    let id = row.id("ID");
    ContactView {
        contact_id: id.map(|id| id.to_string()),
        title: name
            .clone()
            .or_else(|| email.clone())
            .or_else(|| phone.clone()),
        name,
        email,
        phone,
        url: links.card(Card::Contact, id),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_contact_has_a_title_when_anything_is_known() {
        let links = Links::new(Some("https://portal.example".to_owned()));
        let full = json!({"ID": "7", "NAME": " Lan", "SECOND_NAME": null, "LAST_NAME": "Nguyễn ",
            "EMAIL": [{"VALUE": "lan@shop.example"}], "PHONE": [{"VALUE": "0900000001"}]});
        let shown = view(&serde_json::from_value(full).unwrap(), &links);
        assert_eq!(shown.title.as_deref(), Some("Lan Nguyễn"));
        assert_eq!(shown.email.as_deref(), Some("lan@shop.example"));
        assert_eq!(
            shown.url.as_deref(),
            Some("https://portal.example/crm/contact/details/7/")
        );
        let bare = json!({"ID": 7, "NAME": "", "EMAIL": [], "PHONE": [{"VALUE": "0900000001"}]});
        let bare = view(&serde_json::from_value(bare).unwrap(), &links);
        assert_eq!(
            (bare.title.as_deref(), bare.name),
            (Some("0900000001"), None)
        );
    }
}
