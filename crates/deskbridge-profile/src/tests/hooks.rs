use std::{sync::Arc, time::Duration};

use deskbridge_hooks::{Hook, Hooks, Runner, runner::program::Program, suspension::Rules};
use tokio::sync::Semaphore;

use super::*;

/// A hub with a hook that is a shell script.
async fn bench(name: &str, script: &str) -> Bench {
    let command = ["sh", "-c", script].map(str::to_owned);
    let program = Program::new(command.into(), "/", Arc::new(Semaphore::new(1)));
    let hook = Hook::new(name, Runner::Program(program), Duration::from_secs(20)).unwrap();
    let hooks = Hooks::new(vec![Arc::new(hook)], Rules::default(), Clock::default()).unwrap();
    Bench::with(Setup {
        local: Local {
            hooks: Arc::new(hooks),
            ..Local::default()
        },
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn a_hook_says_under_which_values_a_customer_is_looked_up() {
    // This one has none of its own.
    let script = r#"grep -q '"candidates":\[\]' && echo '{"data": {"candidates": [{"value": "200071001"}]}}'"#;
    let bench = bench("profile_candidates", script).await;
    let answer = bench.profile("0012").await;
    assert_eq!(answer.told(), "matched", "{}", answer.body);
    assert_eq!(answer.bitrix()["lookup_value"], "200071001");
}

#[tokio::test]
async fn a_hook_chooses_among_companies_that_carry_the_same() {
    // Without a hook it is the one that was changed last.
    let chosen = "109";
    let other = r#"grep -q '"ID":"110"' && echo '{"data": {"id": 110}}'"#;
    let answer = bench("profile_company", other).await.profile("0009").await;
    assert_eq!(
        answer.bitrix()["company"]["bitrix_id"],
        "110",
        "{}",
        answer.body
    );
    assert_eq!(answer.bitrix()["matches"], 2);
    for (script, is_same) in [
        (r#"echo '{"data": {"id": null}}'"#, false),
        (r#"echo '{"data": {"id": 987654}}'"#, true),
        (r#"echo '{"data": {"id": "none"}}'"#, true),
        ("exit 1", true),
    ] {
        let answer = bench("profile_company", script).await.profile("0009").await;
        let is_chosen = answer.bitrix()["company"]["bitrix_id"] == chosen;
        assert_eq!(is_chosen, is_same, "{script}: {}", answer.body);
    }
}
