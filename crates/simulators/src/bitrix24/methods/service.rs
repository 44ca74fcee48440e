//! Methods that tell a caller about the portal and about itself.

use http::StatusCode;
use serde_json::{Value as Json, json};

use super::Call;
use crate::bitrix24::{
    answer::{self, Answer, Refusal},
    compare,
    php::Value,
    presets,
};

/// Methods that are handled by modules: absent from `methods`, and `method.get` does not look at what
/// comes after these names.
const MODULES: &[&str] = &["crm.item.", "crm.category.", "crm.stagehistory."];

/// `server.time`
pub(super) fn server_time(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::json(&answer::date_text(call.now).into()))
}

/// `scope`: what the webhook was granted.
pub(super) fn scope(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let scopes = &call.caller.scopes;
    Ok(Answer::json(&json!(scopes)))
}

/// `profile`: the user of the webhook, without any scope.
pub(super) fn profile(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let users = &call.state.users;
    let row = users.get(call.caller.user_id);
    let row = row.ok_or_else(presets::not_found)?;
    let text = |name: &str| {
        let raw = users.schema().find(name).map_or("", |at| row.raw(at));
        if raw == "null" {
            String::new()
        } else {
            compare::unquote(raw).into_owned()
        }
    };
    Ok(Answer::json(&json!({
        "ID": row.id.to_string(),
        "ADMIN": row.id == 1,
        "NAME": text("NAME"),
        "LAST_NAME": text("LAST_NAME"),
        "PERSONAL_GENDER": text("PERSONAL_GENDER"),
        "TIME_ZONE": text("TIME_ZONE"),
    })))
}

/// `method.get`: only a name in lower case is known, and only under `name` in lower case (documented).
pub(super) fn method_get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let name = call.params.get_exact("name").and_then(Value::as_text);
    let name = name.unwrap_or_default();
    let in_module = MODULES.iter().find_map(|module| {
        name.starts_with(module).then(|| {
            super::all()
                .iter()
                .find(|method| method.name.starts_with(module))
        })?
    });
    let method = super::find(&name).or(in_module);
    let is_batch = name == "batch";
    let is_available = method.is_some_and(|method| method.scope.is_granted_to(call.caller));
    Ok(Answer::json(&json!({
        "isExisting": is_batch || method.is_some(),
        "isAvailable": is_batch || is_available,
    })))
}

/// `methods`: of the scopes granted, of one scope, or of all.
pub(super) fn methods(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let scope = call.params.get("scope").and_then(Value::as_text);
    let full = call.params.text("full");
    let is_full = !full.is_empty() && full != "0";
    let listed = super::all().iter().filter(|method| {
        let names = method.scope.names();
        let in_module = MODULES.iter().any(|module| method.name.starts_with(module));
        !in_module
            && match scope.as_deref() {
                Some("") => names.is_empty(),
                Some(scope) => names.contains(&scope),
                None => is_full || method.scope.is_granted_to(call.caller),
            }
    });
    let mut names: Vec<Json> = listed.map(|method| method.name.into()).collect();
    if scope.as_deref().is_none_or(str::is_empty) {
        names.push("batch".into());
    }
    Ok(Answer::json(&Json::Array(names)))
}

/// `feature.get`
pub(super) fn feature_get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    match call.params.text("code").as_str() {
        "" | "0" => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "CODE_EMPTY",
            "CODE can't be empty",
        )),
        _ => Ok(Answer::json(&json!({"value": "Y"}))),
    }
}
