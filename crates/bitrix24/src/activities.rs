//! The activities that calls leave in the CRM.

use jiff::Timestamp;

use crate::{Answer, Call, Client, CrmRecord, Error, Id, Moment, Outcome, Param, Row, row::Token};

/// The type of an activity that is a call.
const CALL: u32 = 2;

/// A call as an activity, for portals that let nobody register it.
#[derive(Clone, Debug)]
pub struct NewCallActivity {
    /// The record that it belongs to.
    pub record: CrmRecord,
    /// The client's number.
    pub phone_number: String,
    /// Its title.
    pub subject: String,
    /// What else there is to say.
    pub description: Option<String>,
    /// Whether an employee called.
    pub is_outgoing: bool,
    /// Whether it is done: a missed call is not.
    pub is_completed: bool,
    /// Whose it is.
    pub responsible: Id,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Which system it comes from, and its id there: by these it is found again.
    pub origin: Origin,
}

/// Where a record comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The system, `ORIGINATOR_ID`.
    pub originator: String,
    /// The id there, `ORIGIN_ID`.
    pub id: String,
}

impl NewCallActivity {
    fn call(&self) -> Call {
        let communication = Param::Map(vec![
            ("VALUE".to_owned(), (&self.phone_number).into()),
            ("ENTITY_ID".to_owned(), self.record.id.into()),
            (
                "ENTITY_TYPE_ID".to_owned(),
                self.record.kind.type_id().into(),
            ),
            ("TYPE".to_owned(), "PHONE".into()),
        ]);
        let mut fields: Vec<(String, Param)> = vec![
            (
                "OWNER_TYPE_ID".to_owned(),
                self.record.kind.type_id().into(),
            ),
            ("OWNER_ID".to_owned(), self.record.id.into()),
            ("TYPE_ID".to_owned(), CALL.into()),
            // Exactly one is taken for a call.
            (
                "COMMUNICATIONS".to_owned(),
                Param::List(vec![communication]),
            ),
            ("SUBJECT".to_owned(), (&self.subject).into()),
            ("START_TIME".to_owned(), self.started_at.to_string().into()),
            ("END_TIME".to_owned(), self.ended_at.to_string().into()),
            (
                "COMPLETED".to_owned(),
                if self.is_completed { "Y" } else { "N" }.into(),
            ),
            ("RESPONSIBLE_ID".to_owned(), self.responsible.into()),
            (
                "DIRECTION".to_owned(),
                if self.is_outgoing { 2 } else { 1 }.into(),
            ),
            ("ORIGINATOR_ID".to_owned(), (&self.origin.originator).into()),
            ("ORIGIN_ID".to_owned(), (&self.origin.id).into()),
        ];
        if let Some(description) = &self.description {
            fields.push(("DESCRIPTION".to_owned(), description.into()));
        }
        Call::write("crm.activity.add").param("fields", Param::Map(fields))
    }
}

/// What a call's activity says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CallActivity {
    /// Which.
    pub id: Id,
    /// Its title.
    pub subject: Option<String>,
    /// What else it says.
    pub description: Option<String>,
    /// Whose it is.
    pub responsible: Option<Id>,
    /// Whether it is done.
    pub is_completed: Option<bool>,
    /// When it began.
    pub started_at: Option<Moment>,
    /// Where it comes from.
    pub origin: Option<Origin>,
}

impl CallActivity {
    fn read(row: &Row) -> Option<Self> {
        let text = |field: &str| row.text(field).map(String::from);
        let origin = text("ORIGINATOR_ID").zip(text("ORIGIN_ID"));
        Some(Self {
            id: row.id("ID")?,
            subject: text("SUBJECT"),
            description: text("DESCRIPTION"),
            responsible: row.id("RESPONSIBLE_ID"),
            is_completed: row.flag("COMPLETED"),
            started_at: row.datetime("START_TIME"),
            origin: origin.map(|(originator, id)| Origin { originator, id }),
        })
    }
}

/// What is to be changed in a call's activity.
#[derive(Clone, Debug, Default)]
pub struct ActivityChange {
    /// Its title.
    pub subject: Option<String>,
    /// What else it says.
    pub description: Option<String>,
    /// Whose it is.
    pub responsible: Option<Id>,
    /// Other fields, under their names.
    pub fields: Vec<(String, Param)>,
}

impl Client {
    /// Makes the activity of a call (`crm.activity.add`). Answers with its id.
    pub async fn add_call_activity(&self, activity: &NewCallActivity) -> Outcome<Id> {
        let outcome = self.write(activity.call()).await;
        outcome.read(|answer: &Answer| Token::of(answer.result()).id())
    }

    /// Changes the activity of a call (`crm.activity.update`), which no newer method does.
    pub async fn update_activity(&self, id: Id, change: &ActivityChange) -> Outcome<()> {
        let mut fields = Vec::new();
        let mut set = |name: &str, value: Option<Param>| {
            fields.extend(value.map(|value| (name.to_owned(), value)));
        };
        set("SUBJECT", change.subject.as_ref().map(Param::from));
        set("DESCRIPTION", change.description.as_ref().map(Param::from));
        set("RESPONSIBLE_ID", change.responsible.map(Param::from));
        fields.extend(change.fields.iter().cloned());
        let call = Call::write("crm.activity.update")
            .param("id", id)
            .param("fields", Param::Map(fields));
        self.write(call).await.map(drop)
    }

    /// An activity (`crm.activity.get`).
    ///
    /// # Errors
    /// As [`Client::call`]; [`Error::NotFound`] when there is none.
    pub async fn activity(&self, id: Id) -> Result<CallActivity, Error> {
        let answer = self
            .call(Call::read("crm.activity.get").param("id", id))
            .await?;
        let activity = answer.row().ok().and_then(|row| CallActivity::read(&row));
        activity.ok_or_else(|| {
            answer.disbelieved(crate::error::Class::NoResult, "the result is no activity")
        })
    }

    /// Activities by where they come from (`crm.activity.list`): whether an activity was made whose answer got lost.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn activities_of_origin(&self, origin: &Origin) -> Result<Vec<CallActivity>, Error> {
        let call = Call::read("crm.activity.list")
            .filter("=ORIGINATOR_ID", &origin.originator)
            .filter("=ORIGIN_ID", &origin.id)
            .select([
                "ID",
                "SUBJECT",
                "DESCRIPTION",
                "RESPONSIBLE_ID",
                "COMPLETED",
                "START_TIME",
                "ORIGINATOR_ID",
                "ORIGIN_ID",
            ])
            .without_count();
        let rows = self.call(call).await?.rows()?;
        let activities = rows.iter().filter_map(CallActivity::read);
        // A portal that overlooked the conditions would answer with everything.
        Ok(activities
            .filter(|activity| activity.origin.as_ref() == Some(origin))
            .collect())
    }
}
