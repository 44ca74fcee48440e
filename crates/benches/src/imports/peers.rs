//! What an import is measured against.

use ::frappe::{Client, Document, Site};
use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::history;

/// As many at once as an import may have under way.
const AT_ONCE: usize = 64;

/// The requests of an import and nothing else: no reading, no ledger, no care.
pub(super) async fn bare(client: &Client, tickets: u32) -> anyhow::Result<()> {
    let customers = stream::iter(0..history::customers(tickets)).map(|number| async move {
        let customer = Document::new().with("customer_name", format!("Trà Sớm {number}"));
        insert(client, "HD Customer", &customer).await
    });
    customers
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    let contacts = stream::iter(0..history::contacts(tickets)).map(|number| async move {
        let email = format!("an{number}@tra.example");
        let contact = json!({"first_name": format!("Lê An {number}"), "email_ids": [{"email_id": email, "is_primary": 1}]});
        // An import looks for whoever has the address first.
        let list = ::frappe::List::new()
            .filter(::frappe::Filter::eq("email_id", email.as_str()).of("Contact Email"))
            .limit(20);
        client.list("Contact", &list).await?;
        insert(client, "Contact", &serde_json::from_value(contact)?).await
    });
    contacts
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    stream::iter(0..tickets)
        .map(|number| one(client, number))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|()| async { Ok(()) })
        .await
}

async fn insert(client: &Client, doctype: &str, document: &Document) -> anyhow::Result<Document> {
    Ok(client.insert(doctype, document).await.into_result()?)
}

async fn one(client: &Client, number: u32) -> anyhow::Result<()> {
    let ticket = history::ticket(number);
    let text = |name: &str| ticket.get(name).and_then(Value::as_str).unwrap_or_default();
    let document = Document::new()
        .with("subject", text("subject"))
        .with("priority", "Medium")
        .with("raised_by", format!("an{}@tra.example", number / 10))
        .with("via_customer_portal", 1)
        .with("opening_date", "2024-05-10")
        .with("opening_time", "10:00:00")
        .with("custom_import_id", format!("bare:{number}"))
        .with("custom_import_created_at", "2024-05-10 10:00:00");
    let made = insert(client, "HD Ticket", &document).await?;
    let name = made.name().context("the ticket has no name")?;
    let messages = (0..=3_u32).map(|message| {
        let key = format!("bare:{number}/{message}");
        let fields = match message {
            2 => json!({"doctype": "HD Ticket Comment", "reference_ticket": name, "content": "<p>Đã gọi kho, chờ trả lời.</p>",
                        "commented_by": history::AGENT, "custom_import_id": key}),
            _ => json!({"doctype": "Communication", "reference_doctype": "HD Ticket", "reference_name": name,
                        "communication_type": "Communication", "communication_medium": "Email", "subject": "x",
                        "sent_or_received": if message == 1 { "Sent" } else { "Received" },
                        "content": "<p>Đang xem giúp anh chị.</p>", "sender": history::AGENT, "status": "Linked",
                        "communication_date": "2024-05-10 11:00:00", "custom_import_id": key}),
        };
        serde_json::from_value(fields)
    });
    let messages: Vec<Document> = messages.collect::<Result<_, _>>()?;
    client.insert_many(&messages).await.into_result()?;
    for change in [
        Document::new().with("status", text("status")),
        Document::new()
            .with("first_responded_on", "2024-05-10 11:00:00")
            .with("last_agent_response", "2024-05-10 11:00:00")
            .with("last_customer_response", "2024-05-12 11:00:00"),
    ] {
        client
            .update("HD Ticket", &name, &change)
            .await
            .into_result()?;
    }
    Ok(())
}

/// A script as people write it: one request after the other, each over a connection of its own.
pub(super) async fn script(url: &str, tickets: u32) -> anyhow::Result<()> {
    // A new client is a new connection.
    let client = || -> anyhow::Result<Client> {
        let site = Site::new(url, ::frappe::Options::default())?;
        let credential = ::frappe::Credential::token("admin-key", "planted-admin-secret")?;
        Ok(site.user(credential))
    };
    for number in 0..tickets {
        let ticket = history::ticket(number);
        let text = |name: &str| ticket.get(name).and_then(Value::as_str).unwrap_or_default();
        let document = Document::new()
            .with("subject", text("subject"))
            .with("description", text("description"))
            .with("status", text("status"))
            .with("priority", "Medium")
            .with("raised_by", format!("an{}@tra.example", number / 10));
        let made = insert(&client()?, "HD Ticket", &document).await?;
        let name = made.name().context("the ticket has no name")?;
        for _ in 0..3 {
            let message = Document::new()
                .with("reference_doctype", "HD Ticket")
                .with("reference_name", &name)
                .with("content", "<p>Đang xem giúp anh chị.</p>");
            insert(&client()?, "Communication", &message).await?;
        }
    }
    Ok(())
}
