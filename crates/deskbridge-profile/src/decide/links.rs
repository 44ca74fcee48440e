//! Addresses of cards in the portal. They are built from the portal's address alone, never from any part
//! of a webhook's path.

use bitrix24::Id;

/// Where cards are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    portal: Option<String>,
}

/// What has a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Card {
    /// A company.
    Company,
    /// A contact.
    Contact,
    /// A lead.
    Lead,
    /// A deal.
    Deal,
}

impl Links {
    /// Links to a portal, given as scheme, host and port.
    pub fn new(portal: Option<String>) -> Self {
        Self { portal }
    }

    /// The address of a record's card; `None` without a portal or an id.
    pub fn card(&self, card: Card, id: Option<Id>) -> Option<String> {
        let entity = match card {
            Card::Company => "company",
            Card::Contact => "contact",
            Card::Lead => "lead",
            Card::Deal => "deal",
        };
        Some(format!(
            "{}/crm/{entity}/details/{}/",
            self.portal.as_deref()?,
            id?
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_has_an_address_when_portal_and_id_are_known() {
        let links = Links::new(Some("https://portal.example".to_owned()));
        let company = links.card(Card::Company, Id::new(501));
        assert_eq!(
            company.as_deref(),
            Some("https://portal.example/crm/company/details/501/")
        );
        let deal = links.card(Card::Deal, Id::new(7));
        assert_eq!(
            deal.as_deref(),
            Some("https://portal.example/crm/deal/details/7/")
        );
        assert_eq!(links.card(Card::Company, None), None);
        assert_eq!(Links::new(None).card(Card::Company, Id::new(501)), None);
    }
}
