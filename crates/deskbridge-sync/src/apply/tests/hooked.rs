use std::time::Duration;

use deskbridge_hooks::{Hook, Runner, runner::program::Program, suspension::Rules};
use tokio::sync::Semaphore;

use super::*;

/// A hook about customers that answers what stands in a file.
fn hooks(file: &std::path::Path) -> Arc<Hooks> {
    let command = vec!["cat".to_owned(), file.display().to_string()];
    let program = Program::new(command, "/", Arc::new(Semaphore::new(1)));
    let within = Duration::from_secs(20);
    let hook = Hook::new("customer_fields", Runner::Program(program), within).unwrap();
    let hooks = Hooks::new(vec![Arc::new(hook)], Rules::default(), Clock::default());
    Arc::new(hooks.unwrap())
}

#[tokio::test]
async fn what_people_changed_of_a_hooks_field_stays_until_the_hook_wants_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answer.json");
    let answers = |domain: &str| {
        let answer = json!({"data": {"domain": domain}});
        std::fs::write(&file, answer.to_string()).unwrap();
    };
    let mut bench = Bench::new().await;
    bench.hooks = hooks(&file);
    bench.restart();
    let planned = json!({"customer_name": "Mây", "domain": "may.example"});
    let write = customer(1, planned, json!({}));
    let domain = |bench: &Bench| bench.one("HD Customer", "main:organization:1")["domain"].clone();

    answers("hook.example");
    let result = bench.done(&write).await;
    let told = "the hook customer_fields answered domain";
    assert_eq!(result["hooks"], json!([told]));
    assert_eq!(domain(&bench), "hook.example");

    let by_hand = frappe::Document::new().with("domain", "hand.example");
    let name = frappe::Name::from("Mây");
    let changed = bench.hub.update("HD Customer", &name, &by_hand);
    changed.await.into_result().unwrap();
    // The store knows it, not the program.
    bench.restart();
    bench.done(&write).await;
    assert_eq!(domain(&bench), "hand.example");

    answers("other.example");
    bench.done(&write).await;
    assert_eq!(domain(&bench), "other.example");

    // A hook that fails says nothing of what it wants.
    std::fs::write(&file, "no JSON").unwrap();
    bench.done(&write).await;
    assert_eq!(domain(&bench), "other.example");
    std::fs::write(&file, "").unwrap();
    bench.done(&write).await;
    assert_eq!(domain(&bench), "may.example");
}
