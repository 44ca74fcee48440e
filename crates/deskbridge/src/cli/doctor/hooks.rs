//! Whether every hook can be run.

use deskbridge_core::Clock;

use super::Findings;
use crate::{config::Config, wire::hooks};

/// Reads and compiles scripts, and looks for programs. None is run, and no address is asked.
pub(super) async fn look(
    config: &Config,
    environment: &[(String, String)],
    findings: &mut Findings,
) {
    let configured = match hooks::Configured::of(config, environment, &Clock::system()) {
        Ok(configured) => configured,
        Err(error) => {
            return findings.fail("hooks", format!("{error:#}."), "Correct the setting.");
        }
    };
    for (of, hook) in configured.all() {
        let place = hook.contract().name;
        match hooks::check(of, hook, &config.folder).await {
            Ok(()) if of.enabled => findings.ok(place, "The hook can be run."),
            Ok(()) => findings.ok(place, "The hook is switched off."),
            Err(why) => findings.fail(
                place,
                format!("{why}."),
                "Until then everything goes on without it; `deskbridge hook test` tries it.",
            ),
        }
    }
}
