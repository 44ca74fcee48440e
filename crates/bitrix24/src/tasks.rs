//! Tasks, as missed calls make them.

use jiff::Timestamp;

use crate::{Answer, Call, Client, CrmRecord, Error, Id, Outcome, Param, Row};

/// A task to be made.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// Its title.
    pub title: String,
    /// What there is to do.
    pub description: Option<String>,
    /// Who is to do it.
    pub responsible: Id,
    /// Who gives it; the caller otherwise.
    pub creator: Option<Id>,
    /// Until when.
    pub deadline: Option<Timestamp>,
    /// The records of the CRM that it belongs to. A task with none is found again by nothing but its title.
    pub records: Vec<CrmRecord>,
    /// Fields that this portal asks for besides, under their names.
    pub fields: Vec<(String, Param)>,
}

impl NewTask {
    /// A task with nothing else said about it.
    pub fn new(title: impl Into<String>, responsible: Id) -> Self {
        Self {
            title: title.into(),
            description: None,
            responsible,
            creator: None,
            deadline: None,
            records: Vec::new(),
            fields: Vec::new(),
        }
    }

    fn call(&self) -> Call {
        let mut fields: Vec<(String, Param)> = vec![
            ("TITLE".to_owned(), (&self.title).into()),
            ("RESPONSIBLE_ID".to_owned(), self.responsible.into()),
        ];
        let mut set = |name: &str, value: Option<Param>| {
            fields.extend(value.map(|value| (name.to_owned(), value)));
        };
        set("DESCRIPTION", self.description.as_ref().map(Param::from));
        set("CREATED_BY", self.creator.map(Param::from));
        set("DEADLINE", self.deadline.map(|at| at.to_string().into()));
        let records = self.records.iter().map(|one| Param::from(link(*one)));
        let records: Vec<Param> = records.collect();
        set(
            "UF_CRM_TASK",
            (!records.is_empty()).then_some(Param::List(records)),
        );
        fields.extend(self.fields.iter().cloned());
        Call::write("tasks.task.add").param("fields", Param::Map(fields))
    }
}

/// A record as tasks name it: `C_17`.
fn link(record: CrmRecord) -> String {
    format!("{}_{}", record.kind.prefix(), record.id)
}

/// A task that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Task {
    /// Which.
    pub id: Id,
    /// Its title.
    pub title: String,
    /// What there is to do, where it was asked for.
    pub description: Option<String>,
    /// Who is to do it.
    pub responsible: Option<Id>,
    /// Whether it is done.
    pub is_completed: bool,
    /// The records of the CRM that it belongs to, as the portal writes them: `C_17`.
    pub records: Vec<String>,
}

impl Task {
    fn read(row: &Row) -> Option<Self> {
        // The older interface shouts.
        let text = |name: &str, old: &str| row.text(name).or_else(|| row.text(old));
        let id = row.id("id").or_else(|| row.id("ID"))?;
        let status = text("status", "REAL_STATUS").or_else(|| row.text("STATUS"));
        let records = match row.list("ufCrmTask") {
            none if none.is_empty() => row.list("UF_CRM_TASK"),
            records => records,
        };
        Some(Self {
            id,
            title: text("title", "TITLE").unwrap_or_default().into_owned(),
            description: text("description", "DESCRIPTION").map(Into::into),
            responsible: row.id("responsibleId").or_else(|| row.id("RESPONSIBLE_ID")),
            is_completed: status.as_deref() == Some("5"),
            records: records.into_iter().map(Into::into).collect(),
        })
    }

    fn of_answer(answer: &Answer) -> Option<Self> {
        Self::read(&answer.row().ok()?)
    }
}

impl Client {
    /// Makes a task (`tasks.task.add`). It carries no id of ours: after a lost answer look among
    /// [those of the record](Self::open_tasks) for one of this title.
    pub async fn add_task(&self, task: &NewTask) -> Outcome<Task> {
        self.write(task.call()).await.read(Task::of_answer)
    }

    /// The tasks of a record that are not done, the newest first (`tasks.task.list`); the first fifty.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn open_tasks(&self, record: CrmRecord) -> Result<Vec<Task>, Error> {
        let call = Call::read("tasks.task.list")
            .filter("UF_CRM_TASK", link(record))
            .filter("!REAL_STATUS", 5)
            .order("ID", crate::Order::Descending)
            .select([
                "ID",
                "TITLE",
                "DESCRIPTION",
                "RESPONSIBLE_ID",
                "STATUS",
                "REAL_STATUS",
                "UF_CRM_TASK",
            ]);
        let rows = self.call(call).await?.rows()?;
        let tasks = rows.iter().filter_map(Task::read);
        // A portal that overlooked the conditions would answer with everything.
        let is_of = |task: &Task| task.records.contains(&link(record)) && !task.is_completed;
        Ok(tasks.filter(is_of).collect())
    }

    /// Tasks of a title, done or not, the newest first (`tasks.task.list`); the first fifty. For those that belong to no
    /// record.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn tasks_titled(&self, title: &str) -> Result<Vec<Task>, Error> {
        let call = Call::read("tasks.task.list")
            .filter("TITLE", title)
            .order("ID", crate::Order::Descending)
            .select([
                "ID",
                "TITLE",
                "DESCRIPTION",
                "RESPONSIBLE_ID",
                "STATUS",
                "REAL_STATUS",
                "UF_CRM_TASK",
            ]);
        let rows = self.call(call).await?.rows()?;
        let tasks = rows.iter().filter_map(Task::read);
        // A portal that overlooked the condition would answer with everything.
        Ok(tasks.filter(|task| task.title == title).collect())
    }

    /// Says that a task is done (`tasks.task.complete`).
    pub async fn complete_task(&self, id: Id) -> Outcome<()> {
        let call = Call::write("tasks.task.complete").param("taskId", id);
        self.write(call).await.map(drop)
    }
}
