//! What is said of problems.

use deskbridge_import::decide::{Grouped, Severity};

use crate::cli::{say, terminal::plain};

/// Problems, grouped by cause: those that keep records out first.
pub(super) fn problems(problems: &Grouped) -> anyhow::Result<()> {
    for (severity, problem, group) in problems.iter() {
        let sign = match severity {
            Severity::Refuses => "x",
            Severity::LeavesOut => "-",
            Severity::Changes => "!",
        };
        let examples = group.examples.join(", ");
        say(format!(
            "{sign} {:>7}  {} ({})",
            group.records,
            plain(&problem.to_string()),
            plain(&examples)
        ))?;
    }
    if problems.others > 0 {
        say(format!("! {:>7}  for other causes", problems.others))?;
    }
    Ok(())
}
