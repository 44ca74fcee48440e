//! Whether the calls of contact centres can be carried into the CRM, and whose they would be.

use deskbridge_calls::decide::users::{People, Whose};
use deskbridge_profile::crm::Portals;

use super::{
    findings::{Findings, shown},
    telephony,
};
use crate::{
    config::Config,
    wire::reported::{self, Agent, Center},
};

const PLACE: &str = "caresoft";

pub(super) async fn look(
    config: &Config,
    environment: &[(String, String)],
    portals: &Portals,
    findings: &mut Findings,
) {
    let store = telephony::tokens(config).await;
    let centers = match reported::sources(config, environment, portals, store.as_ref()) {
        Ok(centers) => centers,
        Err(error) => {
            return findings.fail(PLACE, format!("{error:#}."), "Correct the configuration.");
        }
    };
    for center in &centers {
        let people = telephony::look(PLACE, &center.crm, &center.settings, findings).await;
        if let Some(people) = people {
            look_at_agents(center, &people, findings);
        }
    }
}

fn look_at_agents(center: &Center, people: &People, findings: &mut Findings) {
    let (name, users) = (&center.settings.connection, &center.settings.users);
    let named = |is_meant: &dyn Fn(&Agent) -> bool| -> Vec<String> {
        let meant = center.agents.iter().filter(|agent| is_meant(agent));
        meant.map(|agent| agent.id.clone()).collect()
    };
    let nobodys = named(&|agent| {
        let is_users = matches!(people.of_extension(&agent.phone), Whose::One(_));
        !users.contains_key(&agent.phone) && !is_users
    });
    if !nobodys.is_empty() {
        findings.warn(
            PLACE,
            format!(
                "{name}: agents are no user of the CRM, so that their calls are nobody's: {}.",
                shown(&nobodys)
            ),
            "Give them crm_user in mapping.agents, or their phone to their users as the extension.",
        );
    }
    let silent = named(&|agent| !agent.has_phone);
    if !silent.is_empty() {
        findings.warn(
            PLACE,
            format!("{name}: agents have no phone, so that no call is known as theirs while it goes on: {}.", shown(&silent)),
            "Give them phone in mapping.agents: the agent_id of their calls.",
        );
    }
    if !center.agents.is_empty() && nobodys.is_empty() && silent.is_empty() {
        findings.ok(
            PLACE,
            format!("{name}: every agent has a phone and a user of the CRM."),
        );
    }
}
