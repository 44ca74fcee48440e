//! `batch`: which commands a request holds, and how their answers are put together.

use http::StatusCode;

use super::{
    answer::{Answer, Refusal, Time, write_text},
    behaviour::Counters,
    params::Params,
    php::{self, Value},
};

/// So many commands a batch may hold; those beyond are refused one by one.
pub(crate) const COMMANDS_MAX: usize = 50;

/// One command of a batch, references not yet replaced.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Command {
    pub label: String,
    /// In lower case.
    pub method: String,
    pub params: Params,
}

/// A batch as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batch {
    pub commands: Vec<Command>,
    /// Whether the first refusal ends it.
    pub halt: bool,
}

impl Batch {
    /// Reads `cmd`, a list or a map of `method?query`, and `halt`.
    pub(crate) fn parse(params: &Params) -> Self {
        let pairs = params.get("cmd").map(Value::pairs).unwrap_or_default();
        let commands = pairs.into_iter().map(|(label, command)| {
            let text = command.as_text().unwrap_or_default();
            let (method, query) = text.split_once('?').unwrap_or((&text, ""));
            let method = method.trim().trim_matches('/').to_ascii_lowercase();
            Command {
                label: label.into_owned(),
                method: method.strip_suffix(".json").unwrap_or(&method).to_owned(),
                params: Params::from_query(query),
            }
        });
        Self {
            commands: commands.collect(),
            halt: is_set(params.get("halt")),
        }
    }
}

/// Truth as PHP casts it, whether it came as a boolean, a number or text.
fn is_set(value: Option<&Value>) -> bool {
    let text = value.and_then(Value::as_text).unwrap_or_default();
    !matches!(&*text, "" | "0" | "N" | "n" | "false")
}

/// Refuses what may not stand in a batch.
pub(crate) fn refuse_nested(method: &str) -> Result<(), Refusal> {
    if method == "batch" {
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "ERROR_BATCH_METHOD_NOT_ALLOWED",
            "Method is not allowed for batch usage",
        ));
    }
    Ok(())
}

/// The refusal of a command beyond the fiftieth.
pub(crate) fn too_long() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "ERROR_BATCH_LENGTH_EXCEEDED",
        "Max batch length exceeded",
    )
}

/// What became of one command.
#[derive(Debug)]
pub(crate) struct Done {
    pub label: String,
    pub outcome: Result<(Answer, Time), Refusal>,
}

/// `{"result":…,"result_error":…,"result_total":…,"result_next":…,"result_time":…}`, each in the shape
/// that PHP gives it.
pub(crate) fn result(done: &[Done], counters: Counters) -> String {
    let answered = || {
        done.iter()
            .filter_map(|one| Some((one.label.as_str(), one.outcome.as_ref().ok()?)))
    };
    let length: usize = answered().map(|(_, (answer, _))| answer.result.len()).sum();
    let mut out = String::with_capacity(length + done.len() * 300 + 100);
    out.push_str("{\"result\":");
    let results: Vec<_> = answered().collect();
    write_array(&mut out, &results, |out, (answer, _)| {
        out.push_str(&answer.result);
    });
    out.push_str(",\"result_error\":");
    write_errors(&mut out, done);
    for (name, number) in [
        (
            "result_total",
            (|answer| answer.total) as fn(&Answer) -> Option<u64>,
        ),
        ("result_next", |answer| answer.next),
    ] {
        out.push_str(",\"");
        out.push_str(name);
        out.push_str("\":");
        let numbers: Vec<_> = answered()
            .filter_map(|(label, (answer, _))| Some((label, number(answer)?)))
            .collect();
        write_array(&mut out, &numbers, |out, number| {
            out.push_str(&number.to_string());
        });
    }
    out.push_str(",\"result_time\":");
    write_array(&mut out, &results, |out, (_, time)| {
        time.write(counters, out);
    });
    out.push('}');
    out
}

/// Refusals under the labels of their commands. Where all labels are numbers the portal loses them: the
/// errors arrive as a list, and nobody can tell which command each belongs to (observed in 2022).
fn write_errors(out: &mut String, done: &[Done]) {
    let errors = done
        .iter()
        .filter_map(|one| Some((one.label.as_str(), one.outcome.as_ref().err()?)));
    let mut errors: Vec<(&str, &Refusal)> = errors.collect();
    let are_numbers = errors
        .iter()
        .all(|(label, _)| label.bytes().all(|byte| byte.is_ascii_digit()));
    let numbers: Vec<String> = (0..errors.len()).map(|at| at.to_string()).collect();
    if are_numbers {
        for (error, number) in errors.iter_mut().zip(&numbers) {
            error.0 = number;
        }
    }
    write_array(out, &errors, |out, refusal| out.push_str(&refusal.json()));
}

/// Writes an array as PHP does: `[]` when empty, a list when its keys count from nought, else an object.
fn write_array<T>(out: &mut String, pairs: &[(&str, T)], mut write: impl FnMut(&mut String, &T)) {
    let is_list = php::is_list(pairs.iter().map(|(label, _)| *label));
    out.push(if is_list { '[' } else { '{' });
    for (at, (label, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        if !is_list {
            write_text(out, label);
            out.push(':');
        }
        write(out, value);
    }
    out.push(if is_list { ']' } else { '}' });
}
