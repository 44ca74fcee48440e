//! Tasks because of missed calls.

use bitrix24::{CrmRecord, Error, Id, NewTask, Outcome, Task};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Place, Stop,
    registration::{id_of, json as result_of},
    stop::written,
};
use crate::decide::write::{AddTask, CallKey, CloseTask};

/// What became of a task.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct AddedTask {
    task: Option<u64>,
}

impl Place {
    pub(super) async fn add_task(&self, write: &AddTask, look_first: bool) -> Result<Value, Stop> {
        let record = match self.record_of(&write.call).await? {
            Some(record) => Some(record),
            None => {
                let callers = self.crm.callers(&write.phone).await?;
                callers.first().map(|caller| caller.record)
            }
        };
        let key = &write.call.key;
        let subject = format!("the task of the call {key}");
        if look_first {
            if let Some(found) = self.task_of(write, record).await? {
                self.unsure.forget(&subject);
                return result_of(&AddedTask {
                    task: Some(found.id.get()),
                });
            }
            self.unsure.wait(&subject)?;
        }
        let mut task = NewTask::new(&write.title, id_of(write.responsible)?);
        task.description = Some(with_mark(&write.description, key));
        task.creator = write.creator.map(id_of).transpose()?;
        task.deadline = write.deadline.as_deref().and_then(|at| at.parse().ok());
        task.records = record.into_iter().collect();
        let fields = write.fields.iter();
        task.fields = fields
            .map(|(field, value)| (field.clone(), value.as_str().into()))
            .collect();
        let added = written(self.crm.add_task(&task).await)?;
        self.unsure.forget(&subject);
        result_of(&AddedTask {
            task: Some(added.id.get()),
        })
    }

    /// The task that an earlier attempt made.
    async fn task_of(
        &self,
        write: &AddTask,
        record: Option<CrmRecord>,
    ) -> Result<Option<Task>, Stop> {
        let is_ours = |task: &Task| {
            let description = task.description.as_deref().unwrap_or_default();
            description.contains(&mark(&write.call.key))
        };
        if let Some(record) = record {
            let open = self.crm.open_tasks(record).await?;
            if let Some(found) = open.into_iter().find(is_ours) {
                return Ok(Some(found));
            }
        }
        // Also one that was done meanwhile, or that belongs to nobody.
        let titled = self.crm.tasks_titled(&write.title).await?;
        Ok(titled.into_iter().find(is_ours))
    }

    pub(super) async fn close_task(&self, write: &CloseTask) -> Result<Value, Stop> {
        let added: AddedTask = match self.result(&write.missed, "task").await {
            Ok(added) => added,
            Err(Stop::Refused(failure)) => return Err(Stop::LeftOut(failure.why)),
            Err(stop) => return Err(stop),
        };
        let Some(task) = added.task.and_then(Id::new) else {
            return Err(Stop::left_out("there is no task of the missed call"));
        };
        match self.crm.complete_task(task).await {
            // It was deleted, or somebody completed it.
            Outcome::Refused(Error::NotFound { .. } | Error::Refused { .. }) => {
                Err(Stop::left_out("the task cannot be completed any more"))
            }
            outcome => {
                written(outcome)?;
                Ok(json!({ "task": task.get(), "reached_by": write.reached_by }))
            }
        }
    }
}

/// By what a task is found again, since no field of it is ours.
fn mark(key: &CallKey) -> String {
    format!("[{key}]")
}

fn with_mark(description: &str, key: &CallKey) -> String {
    match description.trim_end() {
        "" => mark(key),
        description => format!("{description}\n\n{}", mark(key)),
    }
}
