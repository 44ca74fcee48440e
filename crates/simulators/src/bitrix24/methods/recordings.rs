//! Recordings and transcriptions of finished calls.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::{
    Call,
    external_calls::{call_id, core},
};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    php::Value,
    telephony::{ExternalCall, Upload},
};

/// `telephony.externalCall.attachRecord`: with content at once, without it by an address to upload to.
pub(super) fn attach(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let call_id = call_id(call)?;
    let name = call.params.get("FILENAME").and_then(Value::as_text);
    let name = name.map(std::borrow::Cow::into_owned);
    let url = call.params.text("RECORD_URL");
    if name.is_none() && url.is_empty() {
        return Err(Refusal::plain(
            "Required parameters are not set. Request should contain either URL or FILENAME parameter",
        ));
    }
    finished(call, &call_id)?;
    let from_url = || url.rsplit('/').next().unwrap_or_default().to_owned();
    let name = name.unwrap_or_else(from_url);
    if name.is_empty() {
        return Err(core("File name is empty"));
    }
    let lower = name.to_ascii_lowercase();
    if !matches!(lower.rsplit_once('.'), Some((_, "wav" | "mp3"))) {
        return Err(core("Wrong file extension. Only wav and mp3 are allowed"));
    }
    if !url.is_empty() {
        return Err(from_elsewhere(&url));
    }
    let Some(content) = call.params.get("FILE_CONTENT").and_then(Value::as_text) else {
        return Ok(promise(call, call_id, name));
    };
    if content.is_empty() {
        return Err(core("File content is empty."));
    }
    let bytes = BASE64.decode(&*content).ok().ok_or_else(|| {
        core("File content is not properly encoded. Base64 encoding is expected.")
    })?;
    let content = bytes;
    store(call, &call_id, &name, &content)
}

/// What fetching a recording comes to, where there is no network but loopback: which a portal does not fetch from.
fn from_elsewhere(url: &str) -> Refusal {
    let host = url::Url::parse(url).ok();
    let host = host.as_ref().and_then(url::Url::host);
    let is_here = match host {
        Some(url::Host::Ipv4(address)) => address.is_loopback() || address.is_private(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if is_here {
        return Refusal::plain("Record URL resolves to a non-public address and was blocked.");
    }
    core("Server returns HTTP error code 404")
}

fn promise(call: &mut Call<'_>, call_id: String, name: String) -> Answer {
    let telephony = &mut call.state.telephony;
    let number = telephony.number();
    let token = format!("telephony|{number}|{}", BASE64.encode(&call_id));
    let encoded = utf8_percent_encode(&token, NON_ALPHANUMERIC);
    let base = call.address;
    let url = match call.application {
        Some(own) => format!(
            "{base}/rest/upload.json?auth={}&token={encoded}",
            own.access_token
        ),
        None => {
            let (user, secret) = (call.caller.user_id, &call.caller.secret);
            format!("{base}/rest/{user}/{secret}/upload.json?token={encoded}")
        }
    };
    telephony.uploads.push(Upload {
        token,
        call_id,
        name,
    });
    Answer::json(&json!({"uploadUrl": url, "fieldName": "file"}))
}

/// `upload`: takes the content that was promised.
pub(super) fn upload(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let token = call.params.text("token");
    let uploads = &mut call.state.telephony.uploads;
    let promised = uploads.iter().position(|upload| upload.token == token);
    let Some(promised) = promised else {
        return Err(core("Wrong upload token"));
    };
    let file = call.files.iter().find(|file| file.field == "file");
    let file = file.filter(|file| !file.bytes.is_empty());
    let file = file.ok_or_else(|| core("File content is empty."))?;
    let upload = uploads.remove(promised);
    store(call, &upload.call_id, &upload.name, &file.bytes)
}

fn store(call: &mut Call<'_>, call_id: &str, name: &str, bytes: &[u8]) -> Result<Answer, Refusal> {
    let file_id = call.state.telephony.number();
    let known = finished(call, call_id)?;
    known.attach(file_id, name, bytes);
    let statistic = known.finish.as_ref().map(|finish| finish.statistic_id);
    enter(call, statistic, "RECORD_FILE_ID", file_id);
    Ok(Answer::json(&json!({"FILE_ID": file_id})))
}

/// `telephony.call.attachTranscription`
pub(super) fn transcribe(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let call_id = call_id(call)?;
    let messages = call.params.get("MESSAGES").map(Value::items);
    let messages = messages.unwrap_or_default();
    let is_whole = |message: &&Value| {
        let side = message.get("SIDE").and_then(Value::as_text);
        matches!(side.as_deref(), Some("User" | "Client")) && message.get("MESSAGE").is_some()
    };
    let count = messages.len();
    if messages.is_empty() || !messages.iter().all(is_whole) {
        return Err(core("MESSAGES should be an array of messages"));
    }
    let known = finished(call, &call_id)?;
    known.transcript_messages = Some(count);
    let statistic = known.finish.as_ref().map(|finish| finish.statistic_id);
    let id = call.state.telephony.number();
    enter(call, statistic, "TRANSCRIPT_ID", id);
    Ok(Answer::json(&json!({"TRANSCRIPT_ID": id})))
}

fn finished<'a>(call: &'a mut Call<'_>, call_id: &str) -> Result<&'a mut ExternalCall, Refusal> {
    let known = call.state.telephony.call_mut(call_id);
    known.filter(|known| known.finish.is_some()).ok_or_else(|| {
        Refusal::plain(
            "Call is not found in the statistic table. It looks like it is not finished yet.",
        )
    })
}

/// Enters a number in a row of the statistics.
fn enter(call: &mut Call<'_>, statistic: Option<u64>, field: &str, number: u64) {
    let statistics = &mut call.state.statistics;
    let row = statistic.and_then(|id| statistics.get(id));
    if let Some((id, mut record)) = row.map(|row| (row.id, row.values())) {
        record.insert(field.to_owned(), number.to_string().into());
        statistics.put(id, &record);
    }
}
