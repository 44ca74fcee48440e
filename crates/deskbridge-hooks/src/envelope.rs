//! What a hook answered, read and held against its contract.

use serde_json::{Map, Value};

use crate::{
    point::{Action, Cancel, Contract, Point},
    shape::{Fault, check},
};

/// What a hook decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Go on with this.
    Changed(Change),
    /// The request that comes next is left out.
    Cancelled,
    /// Nothing is to change.
    Nothing,
}

/// What is to be changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// What to use in place of what was told: the members that are here, and no others.
    pub data: Map<String, Value>,
    /// What to do.
    pub action: Option<Action>,
    /// What the search is narrowed by, for each type of entity.
    pub filter: Option<Map<String, Value>>,
    /// What was left out because the contract does not name it.
    pub dropped: Vec<String>,
}

/// Why an answer is not used.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// It is no JSON.
    #[error("the answer is not JSON")]
    Json(#[source] serde_json::Error),
    /// It is JSON, but no object.
    #[error("the answer is no object with data, action or state")]
    NoObject,
    /// It has nothing that a hook answers.
    #[error("the answer has neither data nor action; put what is to change under data")]
    NoMembers,
    /// It says that it failed.
    #[error("the hook answered a state other than success")]
    State,
    /// It answers an action that is none of its point.
    #[error("the answer's action is none of {allowed}")]
    Action {
        /// Those that are.
        allowed: String,
    },
    /// A value is not what the contract wants.
    #[error("the answer does not fit its contract")]
    Contract(#[source] Fault),
}

/// Reads an answer.
///
/// No bytes, and `null`, say that nothing is to change.
///
/// # Errors
/// When it is not what its contract wants.
pub fn read(contract: &Contract, answer: &[u8]) -> Result<Answer, Invalid> {
    if answer.trim_ascii().is_empty() {
        return Ok(Answer::Nothing);
    }
    let answer: Value = serde_json::from_slice(answer).map_err(Invalid::Json)?;
    let members = match &answer {
        Value::Null => return Ok(Answer::Nothing),
        Value::Object(members) => members,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(Invalid::NoObject);
        }
    };
    if members.get("state").is_some_and(|state| state != "success") {
        return Err(Invalid::State);
    }
    let action = action(contract, members.get("action"))?;
    let filter = filter(contract, members.get("filter"))?;
    let Some(data) = members.get("data") else {
        return match (action, &filter, members.contains_key("state")) {
            (None, None, false) => Err(Invalid::NoMembers),
            (None, None, true) => Ok(Answer::Nothing),
            _ => Ok(Answer::Changed(Change {
                action,
                filter,
                ..Change::default()
            })),
        };
    };
    if is_empty(data) {
        return Ok(match (action, &filter, contract.empty) {
            (None, None, Cancel::Request) => Answer::Cancelled,
            (None, None, Cancel::Nothing) => Answer::Nothing,
            _ => Answer::Changed(Change {
                action,
                filter,
                ..Change::default()
            }),
        });
    }
    let checked = check(&contract.output, data, "data").map_err(Invalid::Contract)?;
    let Value::Object(data) = checked.value else {
        return Ok(Answer::Nothing);
    };
    let action = action.or_else(|| registration(contract, &data));
    Ok(Answer::Changed(Change {
        data,
        action,
        filter,
        dropped: checked.dropped,
    }))
}

/// `{}`, `[]` and `null` are the ways to say it that Itgrix documents.
fn is_empty(data: &Value) -> bool {
    match data {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn action(contract: &Contract, given: Option<&Value>) -> Result<Option<Action>, Invalid> {
    let given = match given {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(given)) if given.is_empty() => return Ok(None),
        Some(given) => given.as_str(),
    };
    let named = |action: &&Action| Some(action.name()) == given;
    let found = contract.actions.iter().find(named).copied();
    found.map(Some).ok_or_else(|| {
        let allowed: Vec<&str> = contract
            .actions
            .iter()
            .map(|action| action.name())
            .collect();
        let allowed = match allowed.is_empty() {
            true => "none, for this hook has no actions".to_owned(),
            false => allowed.join(", "),
        };
        Invalid::Action { allowed }
    })
}

fn filter(
    contract: &Contract,
    given: Option<&Value>,
) -> Result<Option<Map<String, Value>>, Invalid> {
    let Some(given) = given.filter(|given| contract.has_filter && !is_empty(given)) else {
        return Ok(None);
    };
    let checked = check(&crate::point::FILTER, given, "filter").map_err(Invalid::Contract)?;
    Ok(checked.value.as_object().cloned())
}

/// `need_registration` answers with a member what others answer with an action.
fn registration(contract: &Contract, data: &Map<String, Value>) -> Option<Action> {
    let is_asked = contract.points.contains(&Point::NeedRegistration);
    let wanted = data.get("result").filter(|_| is_asked)?.as_bool()?;
    Some(match wanted {
        true => Action::Register,
        false => Action::Ignore,
    })
}

#[cfg(test)]
mod tests;
