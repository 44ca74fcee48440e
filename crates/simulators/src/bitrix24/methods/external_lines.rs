//! `telephony.externalLine.*`: lines by their numbers, each application its own.

use serde_json::{Value as Json, json};

use super::{Call, external_calls::core};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    telephony::ExternalLine,
};

/// `telephony.externalLine.add`
pub(super) fn add(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let number = number(call)?;
    if position(call, &number).is_some() {
        return Err(core("Line already exists"));
    }
    let id = call.state.telephony.number();
    let line = ExternalLine {
        id,
        application: owner(call),
        number,
        name: call.params.text("NAME"),
        crm_auto_create: call.params.text("CRM_AUTO_CREATE") != "N",
    };
    call.state.telephony.lines.push(line);
    Ok(Answer::json(&json!({"ID": id})))
}

/// `telephony.externalLine.update`
pub(super) fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let number = number(call)?;
    let name = call.params.get("NAME").map(|_| call.params.text("NAME"));
    let auto = call.params.get("CRM_AUTO_CREATE");
    let auto = auto.map(|_| call.params.text("CRM_AUTO_CREATE") != "N");
    if name.is_none() && auto.is_none() {
        return Err(core("NAME or CRM_AUTO_CREATE should be set"));
    }
    let at = position(call, &number).ok_or_else(|| core("Line is not found"))?;
    let line = call.state.telephony.lines.get_mut(at);
    let line = line.ok_or_else(|| core("Line is not found"))?;
    if let Some(name) = name {
        line.name = name;
    }
    line.crm_auto_create = auto.unwrap_or(line.crm_auto_create);
    Ok(Answer::json(&json!({"ID": line.id})))
}

/// `telephony.externalLine.delete`
pub(super) fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let number = number(call)?;
    let at = position(call, &number).ok_or_else(|| core("Line is not found"))?;
    call.state.telephony.lines.remove(at);
    Ok(Answer::of("[]"))
}

/// `telephony.externalLine.get`
pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let owner = owner(call);
    let lines = call.state.telephony.lines.iter();
    let lines = lines.filter(|line| line.application == owner).map(|line| {
        json!({
            "NUMBER": line.number,
            "NAME": line.name,
            "CRM_AUTO_CREATE": if line.crm_auto_create { "Y" } else { "N" },
        })
    });
    Ok(Answer::json(&Json::Array(lines.collect())))
}

fn number(call: &Call<'_>) -> Result<String, Refusal> {
    match call.params.text("NUMBER") {
        none if none.is_empty() => Err(core("NUMBER should be set")),
        number => Ok(number),
    }
}

fn owner(call: &Call<'_>) -> Option<String> {
    call.application.map(|own| own.client_id.clone())
}

fn position(call: &Call<'_>, number: &str) -> Option<usize> {
    let owner = owner(call);
    let mut lines = call.state.telephony.lines.iter();
    lines.position(|line| line.application == owner && line.number == number)
}
