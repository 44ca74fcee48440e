//! Finding an HD Customer by what the CRM calls it.

use frappe::{Cause, Document, Error, Filter, List, Order};

use deskbridge_identity::CompanyId;

use crate::decide::enrich::shop_domain;

/// Looks for customers with the hub's own user.
#[derive(Clone, Debug)]
pub(crate) struct Customers {
    hub: frappe::Client,
}

impl Customers {
    /// Looks with this user.
    pub(crate) fn new(hub: frappe::Client) -> Self {
        Self { hub }
    }

    /// The name of the customer with a Haravan org id or a shop's domain.
    ///
    /// # Errors
    /// When the helpdesk cannot be asked.
    pub(crate) async fn of_orgid(&self, orgid: &str) -> Result<Option<String>, Error> {
        // The database takes any text that is no number for 0 and would find customers without an id.
        if CompanyId::parse(orgid).is_some()
            && let Some(name) = self.with("custom_haravan_orgid", orgid).await?
        {
            return Ok(Some(name));
        }
        // An id beyond 32 bits does not fit into that field; its domain is there all the same.
        self.with("custom_myharavan", &shop_domain(orgid)).await
    }

    /// The name of the customer with Bitrix24's own id of its company.
    ///
    /// # Errors
    /// When the helpdesk cannot be asked.
    pub(crate) async fn of_bitrix_company(&self, id: &str) -> Result<Option<String>, Error> {
        self.with("custom_bitrix_company_id", id).await
    }

    /// The oldest customer that holds a value in a field; none where there is no such field.
    async fn with(&self, field: &str, value: &str) -> Result<Option<String>, Error> {
        let holding = List::new()
            .fields(["name", field])
            .filter(Filter::eq(field, value))
            .order_by("creation", Order::Ascending)
            .limit(1);
        let found = match self.hub.list("HD Customer", &holding).await {
            Ok(found) => found,
            Err(Error {
                cause: Cause::Validation { .. },
                ..
            }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let holds = |customer: &&Document| customer.to_text(field).as_deref() == Some(value);
        Ok(found
            .iter()
            .find(holds)
            .and_then(|customer| customer.to_text("name")))
    }
}
