//! What the helpdesk does by itself when tickets come in, and must not do because of an import: mails to customers,
//! mails to agents, closing of old tickets.
//!
//! It is switched off with somebody's consent, and put back afterwards. How it stood is in the ledger before the first
//! switch is turned, so that a crash does not leave a helpdesk silent for good.

use std::fmt;

use deskbridge_core::Clock;
use deskbridge_store::{ImportFilter, ImportRecord, ImportState, Store};
use frappe::{Cause, Client, Document, Filter, List, Name};
use serde_json::{Value, json};

use crate::{Error, Result, target::asking};

const SETTINGS: &str = "HD Settings";
const RULE: &str = "Assignment Rule";
/// Switches of `HD Settings` that must be off: acknowledgements and requests for feedback go to customers within the
/// request itself.
const SWITCHES: [&str; 3] = [
    "send_acknowledgement_email",
    "enable_email_ticket_feedback",
    "auto_close_tickets",
];
/// What the ledger calls a switch that was turned.
const KIND: &str = "switch";

/// Switches are kept apart from the records of a source: to forget one must not forget up to where the source is settled.
fn ledger_of(source: &str) -> String {
    format!("{source}#switches")
}

const ROWS_MAX: u32 = 500;

/// Something that is switched on and must not be.
#[derive(Clone, Debug, PartialEq)]
pub struct Loud {
    doctype: &'static str,
    name: Name,
    field: &'static str,
    stands: Value,
    silent: i64,
}

impl fmt::Display for Loud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.doctype {
            SETTINGS => write!(f, "{SETTINGS}: {}", self.field),
            doctype => write!(f, "{doctype} {}", self.name),
        }
    }
}

/// What is switched on and must not be.
///
/// # Errors
/// When the helpdesk cannot be asked.
pub async fn loud(client: &Client) -> Result<Vec<Loud>> {
    let settings = client
        .get(SETTINGS, &Name::from(SETTINGS))
        .await
        .map_err(asking("its settings"))?;
    let on = SWITCHES.into_iter().filter(|field| settings.check(field));
    let mut loud: Vec<Loud> = on
        .map(|field| Loud {
            doctype: SETTINGS,
            name: Name::from(SETTINGS),
            field,
            stands: settings.get(field).cloned().unwrap_or_default(),
            silent: 0,
        })
        .collect();
    let list = List::new()
        .fields(["name"])
        .filter(Filter::eq("document_type", "HD Ticket"))
        .filter(Filter::eq("disabled", 0))
        .limit(ROWS_MAX);
    let rules = match client.list(RULE, &list).await {
        Ok(rules) => rules,
        Err(error) if matches!(error.cause, Cause::MissingDocType | Cause::NoRight { .. }) => {
            Vec::new()
        }
        Err(error) => return Err(asking("its assignment rules")(error)),
    };
    loud.extend(rules.iter().filter_map(Document::name).map(|name| Loud {
        doctype: RULE,
        name,
        field: "disabled",
        stands: json!(0),
        silent: 1,
    }));
    Ok(loud)
}

/// Switches these off until [`put_back`].
///
/// # Errors
/// When the ledger or the helpdesk refuses it.
pub async fn silence(
    client: &Client,
    store: &Store,
    source: &str,
    loud: &[Loud],
    clock: &Clock,
) -> Result<()> {
    let records = loud.iter().map(|one| ImportRecord {
        kind: KIND.to_owned(),
        id: format!("{}/{}/{}", one.doctype, one.name, one.field),
        state: ImportState::Written,
        doctype: one.doctype.to_owned(),
        name: Some(one.name.to_string()),
        hash: None,
        is_made: false,
        before: Some(json!({ one.field: one.stands })),
        why: None,
        run: KIND.to_owned(),
    });
    let kept = store.record_imports(ledger_of(source), records.collect(), None, clock.now());
    kept.await?;
    for one in loud {
        let change = Document::new().with(one.field, one.silent);
        let changed = client.update(one.doctype, &one.name, &change).await;
        changed
            .into_result()
            .map_err(asking(format!("silence ({one})")))?;
    }
    Ok(())
}

/// Puts back what [`silence`] switched off, in this run of the program or an earlier one; how many switches.
///
/// # Errors
/// When the ledger or the helpdesk refuses it; what is not put back yet stays known.
pub async fn put_back(client: &Client, store: &Store, source: &str) -> Result<usize> {
    let filter = ImportFilter {
        kind: Some(KIND.to_owned()),
        limit: ROWS_MAX,
        ..ImportFilter::default()
    };
    let silenced = store.list_imports(ledger_of(source), filter).await?;
    let mut count = 0;
    for one in silenced {
        let (Some(name), Some(Value::Object(before))) = (&one.name, one.before) else {
            continue;
        };
        let name = Name::from(name.as_str());
        let changed = client.update(&one.doctype, &name, &before.into()).await;
        match changed.into_result() {
            Ok(_) => {}
            // Somebody removed it meanwhile.
            Err(frappe::Error {
                cause: Cause::Missing { .. },
                ..
            }) => {}
            Err(error) => {
                return Err::<usize, Error>(asking(format!("{name} to be put back"))(error));
            }
        }
        store
            .forget_imports(ledger_of(source), vec![(one.kind, one.id)])
            .await?;
        count += 1;
    }
    Ok(count)
}
