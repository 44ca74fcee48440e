//! Asking Bitrix24: questions become calls that travel together, answers become rows.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bitrix24::{
    Application, Call, Client, Command, Error, Group, GroupAnswer, Id, Lane, Mishap, Options,
    Order, Portal, PortalBase, Row, Webhook,
};

use crate::{
    decide::lookup::{Answers, Question},
    settings::Settings,
};

/// Rows of leads and of deals that are shown.
const HISTORY_ROWS: usize = 50;

/// The portals that are spoken to: one dispatcher each, however often the settings change.
#[derive(Debug)]
pub struct Portals {
    options: Options,
    by_address: Mutex<HashMap<String, Portal>>,
}

/// Why a webhook cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The portal's dispatcher cannot be set up.
    #[error("the connection to {address} cannot be set up")]
    Portal {
        /// The portal's address.
        address: String,
        /// Why.
        #[source]
        source: bitrix24::OptionsError,
    },
    /// The webhook is one of another portal.
    #[error("the webhook cannot be used")]
    Webhook(#[source] bitrix24::WrongPortal),
}

impl Portals {
    /// Speaks to every portal with these options, unless it has its own.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            by_address: Mutex::default(),
        }
    }

    /// A client for a webhook, which shares the budget of its portal.
    ///
    /// # Errors
    /// When the options do not allow a connection.
    pub fn client(&self, webhook: Webhook) -> Result<Client, ConnectError> {
        self.client_with(webhook, &self.options)
    }

    /// A client for a webhook of a portal with options of its own. They hold for a portal that is not spoken to yet: it
    /// has one budget, whoever asks.
    ///
    /// # Errors
    /// When the options do not allow a connection.
    pub fn client_with(&self, webhook: Webhook, options: &Options) -> Result<Client, ConnectError> {
        let portal = self.portal(webhook.portal_base(), options)?;
        // It was found by the webhook's own address.
        portal.client(webhook).map_err(ConnectError::Webhook)
    }

    /// A client that calls as a local application, by the portal of its address.
    ///
    /// # Errors
    /// When the options do not allow a connection.
    pub fn application_with(
        &self,
        application: Application,
        options: &Options,
    ) -> Result<Client, ConnectError> {
        let portal = self.portal(application.portal_base(), options)?;
        // It was found by the application's own address.
        portal
            .application(application)
            .map_err(ConnectError::Webhook)
    }

    fn portal(&self, base: &PortalBase, options: &Options) -> Result<Portal, ConnectError> {
        let address = base.to_string();
        let mut portals = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(portal) = portals.get(&address) {
            return Ok(portal.clone());
        }
        let portal = Portal::new(base, options).map_err(|source| ConnectError::Portal {
            address: address.clone(),
            source,
        })?;
        portals.insert(address, portal.clone());
        Ok(portal)
    }

    /// The portals with their addresses, for metrics.
    pub fn all(&self) -> Vec<(String, Portal)> {
        let portals = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        portals
            .iter()
            .map(|(address, portal)| (address.clone(), portal.clone()))
            .collect()
    }
}

/// The two webhooks of the settings, ready to be asked.
#[derive(Clone, Debug)]
pub struct Crm {
    companies: Client,
    users: Option<Client>,
}

impl Crm {
    /// Connects what the settings name; `None` without a webhook for companies.
    ///
    /// # Errors
    /// When a connection cannot be set up.
    pub fn connect(portals: &Portals, settings: &Settings) -> Result<Option<Self>, ConnectError> {
        let Some(webhook) = &settings.webhook else {
            return Ok(None);
        };
        let companies = portals.client(webhook.clone())?;
        let users = settings.responsible_webhook.clone();
        let users = users.map(|webhook| portals.client(webhook)).transpose()?;
        Ok(Some(Self { companies, users }))
    }

    /// Whether users can be asked for.
    pub fn has_users(&self) -> bool {
        self.users.is_some()
    }

    /// Asks all questions in one request, and for the labels of enumerations with them if `labels` is set.
    pub async fn ask(
        &self,
        questions: &[Question],
        labels: bool,
        deadline: Duration,
    ) -> (Answers<Error>, Option<Result<Vec<Row>, Error>>) {
        let mut group = interactive(deadline);
        let mut commands: BTreeMap<&Question, Command> = BTreeMap::new();
        let mut duplicates = None;
        for question in questions {
            let Some(call) = call(question, &commands, duplicates) else {
                continue;
            };
            let command = group.add(call);
            if matches!(question, Question::DuplicatesByPhone(_)) {
                duplicates = Some(command);
            }
            commands.insert(question, command);
        }
        let labels = labels.then(|| group.add(Call::read("crm.company.userfield.list")));
        if group.is_empty() {
            return (Answers::new(), None);
        }
        let answer = self.companies.group(group).await;
        let answers = commands.into_iter().map(|(question, command)| {
            let rows = match answer.as_ref() {
                Ok(answer) => believable_rows(question, answer, command),
                Err(error) => Err(error.clone()),
            };
            (question.clone(), rows)
        });
        let labels = labels.map(|command| rows(answer.as_ref().map_err(Clone::clone)?, command));
        (answers.collect(), labels)
    }

    /// The rows that `user.get` gives for an id; `None` when users cannot be asked for.
    pub async fn user(&self, id: Id, deadline: Duration) -> Option<Result<Vec<Row>, Error>> {
        let users = self.users.as_ref()?;
        let call = Call::read("user.get")
            .param("ID", id)
            .lane(Lane::Interactive)
            .deadline(deadline);
        Some(users.call(call).await.and_then(|answer| answer.rows()))
    }

    /// Leads and deals of a company, and the names of stages and pipelines if `names` is set.
    pub async fn history(
        &self,
        company: Id,
        names: bool,
        deadline: Duration,
    ) -> Result<HistoryRows, Error> {
        let mut group = interactive(deadline);
        let leads = group.add(history_call("crm.lead.list", company, LEAD_FIELDS));
        let deals = group.add(history_call("crm.deal.list", company, DEAL_FIELDS));
        let names = names.then(|| {
            let statuses = group.add(Call::read("crm.status.list"));
            let categories =
                group.add(Call::read("crm.category.list").param("entityTypeId", DEAL_TYPE_ID));
            (statuses, categories)
        });
        let answer = self.companies.group(group).await?;
        let (leads, deals) = (rows(&answer, leads)?, rows(&answer, deals)?);
        let truncated = leads.len() >= HISTORY_ROWS || deals.len() >= HISTORY_ROWS;
        // Without names the codes are shown; a portal may have no pipelines at all.
        let names = names.and_then(|(statuses, categories)| {
            Some((
                rows(&answer, statuses).ok()?,
                rows(&answer, categories).unwrap_or_default(),
            ))
        });
        Ok(HistoryRows {
            leads,
            deals,
            truncated,
            names,
        })
    }
}

/// Leads and deals as Bitrix24 sends them.
#[derive(Debug)]
pub struct HistoryRows {
    /// The leads.
    pub leads: Vec<Row>,
    /// The deals.
    pub deals: Vec<Row>,
    /// Whether there may be more.
    pub truncated: bool,
    /// Rows of `crm.status.list` and `crm.category.list`, if they were asked for and answered.
    pub names: Option<(Vec<Row>, Vec<Row>)>,
}

/// `entityTypeId` of deals.
const DEAL_TYPE_ID: u32 = 2;
const LEAD_FIELDS: &[&str] = &[
    "ID",
    "TITLE",
    "STATUS_ID",
    "STATUS_SEMANTIC_ID",
    "OPPORTUNITY",
    "CURRENCY_ID",
    "DATE_CREATE",
    "DATE_CLOSED",
];
const DEAL_FIELDS: &[&str] = &[
    "ID",
    "TITLE",
    "CATEGORY_ID",
    "STAGE_ID",
    "STAGE_SEMANTIC_ID",
    "OPPORTUNITY",
    "CURRENCY_ID",
    "DATE_CREATE",
    "CLOSEDATE",
];

/// The rows of a command.
fn rows(answer: &GroupAnswer, command: Command) -> Result<Vec<Row>, Error> {
    match answer.get(command) {
        Some(Ok(answer)) => answer.rows(),
        Some(Err(error)) => Err(error.clone()),
        None => Ok(Vec::new()),
    }
}

/// The rows that answer a question. That there is no such record, or that a reference leads nowhere, is an
/// answer without rows.
fn believable_rows(
    question: &Question,
    answer: &GroupAnswer,
    command: Command,
) -> Result<Vec<Row>, Error> {
    match (question, answer.get(command)) {
        // A map of ids, of which only the reference makes use.
        (Question::DuplicatesByPhone(_), Some(Ok(_)))
        | (_, Some(Err(Error::NotFound { .. })))
        | (
            _,
            Some(Err(Error::NoAnswer {
                mishap: Mishap::Unresolved,
                ..
            })),
        ) => Ok(Vec::new()),
        _ => rows(answer, command),
    }
}

fn interactive(deadline: Duration) -> Group {
    let mut group = Group::new();
    group.lane(Lane::Interactive);
    group.deadline(deadline);
    group
}

fn history_call(method: &str, company: Id, fields: &[&str]) -> Call {
    Call::read(method)
        .filter("=COMPANY_ID", company)
        .select(fields.iter().copied())
        .order("DATE_CREATE", Order::Descending)
        .order("ID", Order::Descending)
        .without_count()
}

/// The call that a question becomes; `None` when it refers to a question that was not asked.
fn call(
    question: &Question,
    asked: &BTreeMap<&Question, Command>,
    duplicates: Option<Command>,
) -> Option<Call> {
    Some(match question {
        Question::CompanyByValue { field, value } => {
            companies().filter(&format!("={field}"), value)
        }
        Question::CompanyById(id) => companies().filter("=ID", *id),
        Question::CompanyOfFirst(first) => {
            companies().filter("=ID", asked.get(&**first)?.at(0).field("COMPANY_ID"))
        }
        Question::CompanyByWeb(address) => companies().filter("=WEB", address),
        Question::CompanyByTitle(text) => companies().filter("%TITLE", text),
        Question::ContactByEmail(email) => contacts().filter("=EMAIL", email),
        Question::ContactByPhone(phone) => contacts().filter("=PHONE", phone),
        Question::DuplicatesByPhone(phones) => Call::read("crm.duplicate.findbycomm")
            .param("type", "PHONE")
            .param("entity_type", "CONTACT")
            .param("values", phones.clone()),
        Question::FirstDuplicate => contacts().filter("=ID", duplicates?.field("CONTACT").at(0)),
    })
}

fn companies() -> Call {
    list("crm.company.list", ["*", "UF_*", "EMAIL", "PHONE", "WEB"])
}

fn contacts() -> Call {
    list("crm.contact.list", ["*", "UF_*", "EMAIL", "PHONE", "WEB"])
}

/// The newest record first; the id makes the order stable.
fn list<const N: usize>(method: &str, fields: [&str; N]) -> Call {
    Call::read(method)
        .select(fields)
        .order("DATE_MODIFY", Order::Descending)
        .order("ID", Order::Descending)
        .without_count()
}
