//! What is told of a call on its ticket, in the language of the desk.

use std::{fmt::Write as _, time::Duration};

use caresoft::object::ticket::Direction;
use deskbridge_core::Language;
use jiff::Timestamp;

use super::{CallRecord, Ending};
use crate::{
    decide::{
        html::{escaped, link},
        version::to_second,
    },
    settings::Account,
};

struct Words {
    inbound: &'static str,
    outbound: &'static str,
    call: &'static str,
    customer: &'static str,
    line: &'static str,
    agent: &'static str,
    started: &'static str,
    answered: &'static str,
    ended: &'static str,
    talked: &'static str,
    result: &'static str,
    was_answered: &'static str,
    was_missed: &'static str,
    in_menu: &'static str,
    keys: &'static str,
    recording: &'static str,
    listen: &'static str,
    id: &'static str,
    /// How a time is written.
    form: &'static str,
}

const ENGLISH: Words = Words {
    inbound: "Incoming call",
    outbound: "Outgoing call",
    call: "Call",
    customer: "Customer",
    line: "Line",
    agent: "Agent",
    started: "Started",
    answered: "Answered",
    ended: "Ended",
    talked: "Talk time",
    result: "Result",
    was_answered: "answered",
    was_missed: "missed",
    in_menu: "ended in the menu",
    keys: "Keys pressed",
    recording: "Recording",
    listen: "listen",
    id: "Call id",
    form: "%Y-%m-%d %H:%M:%S",
};

const VIETNAMESE: Words = Words {
    inbound: "Cuộc gọi vào",
    outbound: "Cuộc gọi ra",
    call: "Cuộc gọi",
    customer: "Số khách hàng",
    line: "Đầu số",
    agent: "Chuyên viên",
    started: "Bắt đầu",
    answered: "Trả lời",
    ended: "Kết thúc",
    talked: "Thời gian đàm thoại",
    result: "Kết quả",
    was_answered: "đã trả lời",
    was_missed: "gọi nhỡ",
    in_menu: "kết thúc tại IVR",
    keys: "Phím đã bấm",
    recording: "Ghi âm",
    listen: "nghe",
    id: "ID cuộc gọi",
    form: "%d/%m/%Y %H:%M:%S",
};

const RUSSIAN: Words = Words {
    inbound: "Входящий звонок",
    outbound: "Исходящий звонок",
    call: "Звонок",
    customer: "Номер клиента",
    line: "Линия",
    agent: "Оператор",
    started: "Начало",
    answered: "Ответ",
    ended: "Окончание",
    talked: "Время разговора",
    result: "Результат",
    was_answered: "отвечен",
    was_missed: "пропущен",
    in_menu: "завершён в меню",
    keys: "Нажатые клавиши",
    recording: "Запись",
    listen: "слушать",
    id: "ID звонка",
    form: "%d.%m.%Y %H:%M:%S",
};

fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::Vietnamese => &VIETNAMESE,
        Language::Russian => &RUSSIAN,
    }
}

/// What is known of a call, as HTML.
pub(super) fn note(account: &Account, call: &CallRecord) -> String {
    let words = words(account.language);
    let title = match call.direction {
        Some(Direction::Inbound) => words.inbound,
        Some(Direction::Outbound) => words.outbound,
        None => words.call,
    };
    let time = |at: Option<Timestamp>| {
        let clock = account.zone.offset.to_datetime(to_second(at?));
        Some(clock.strftime(words.form).to_string())
    };
    let answerers = call.agents.iter().filter(|ring| ring.answered_at.is_some());
    let answerers: Vec<&str> = answerers.map(|ring| ring.phone.as_str()).collect();
    let agent = call
        .agent_user_id
        .and_then(|id| account.mapping.agents.get(&id)?.email.clone())
        .or_else(|| (!answerers.is_empty()).then(|| answerers.join(", ")));
    let result = call.ending.map(|ending| match ending {
        Ending::Answered => words.was_answered,
        Ending::Missed => words.was_missed,
        Ending::InMenu => words.in_menu,
    });
    let talked = call
        .talked_for
        .filter(|_| call.ending == Some(Ending::Answered));
    let lines = [
        (words.customer, call.customer_phone.clone()),
        (words.line, call.line.clone()),
        (words.agent, agent),
        (words.started, time(call.started_at)),
        (words.answered, time(call.answered_at)),
        (words.ended, time(call.ended_at)),
        (words.talked, talked.map(clock)),
        (words.result, result.map(str::to_owned)),
        (words.keys, call.dtmf.clone()),
        (words.id, Some(call.id.to_string())),
    ];
    let mut html = format!("<b>{title}</b>");
    for (word, value) in lines {
        if let Some(value) = value {
            // Writing to a text cannot fail.
            let _written = write!(html, "<br>{word}: {}", escaped(&value));
        }
    }
    if let Some(recording) = recording(account.language, call) {
        html.push_str("<br>");
        html.push_str(&recording);
    }
    html
}

/// Where the recording of a call is, as HTML; `None` while nobody knows, or when it is nowhere to follow a link to.
pub(super) fn recording(language: Language, call: &CallRecord) -> Option<String> {
    let words = words(language);
    let link = link(call.recording_url.as_deref()?, words.listen)?;
    Some(format!("{}: {link}", words.recording))
}

/// Hours, minutes and seconds.
fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}
