//! Secrets that were planted everywhere are found nowhere afterwards.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use super::*;

/// Everything that was logged by this process's tests while they run.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_answer_effect_row_or_log_line_holds_a_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let bench = Bench::over(
        Setup::settings(|raw| raw.timeout_seconds = Some(1)),
        Store::open(&path).unwrap(),
    )
    .await;
    let mut told = String::new();
    let faults = [
        json!([]),
        json!([{"answer": {"preset": "no_auth_found"}}]),
        json!([{"answer": {"preset": "moved"}}]),
        json!([{"answer": {"preset": "html"}}]),
        json!([{"answer": "hang_up"}]),
        json!([{"answer": "silence"}]),
    ];
    for rules in faults {
        bench.portal_faults(&rules);
        for ticket in ["0001", "0002", "0008", "9999"] {
            let answer = bench
                .get(
                    &format!("{PROFILE}?ticket={ticket}&refresh=1&history=1&raw=1"),
                    HUB,
                )
                .await;
            told.push_str(&answer.body.to_string());
        }
    }
    bench.site_faults(&json!([{"answer": "hang_up"}]));
    told.push_str(&bench.profile("0003").await.body.to_string());
    bench.site_faults(&json!([]));
    let forged = Request::get(format!("{PROFILE}?ticket=0001"))
        .header("x-deskbridge-user", "an.tran@helpdesk.example")
        .header("x-deskbridge-secret", "wrong-planted-secret");
    told.push_str(
        &bench
            .send(forged.body(Body::empty()).unwrap())
            .await
            .body
            .to_string(),
    );
    bench.settle(1).await;
    for record in bench.effects().await {
        told.push_str(&format!("{record:?}"));
    }
    drop(guard);
    let logged = log.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(
        !logged.is_empty(),
        "nothing was logged, so nothing was looked at"
    );
    told.push_str(&String::from_utf8_lossy(&logged));
    for file in std::fs::read_dir(folder.path()).unwrap() {
        #[expect(clippy::disallowed_methods, reason = "the test's own files")]
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        told.push_str(&String::from_utf8_lossy(&bytes));
    }
    for secret in [
        portal_simulator::CUSTOMER_SECRET,
        portal_simulator::RESPONSIBLE_SECRET,
        SHARED_SECRET,
        "hub-secret",
        "wrong-planted-secret",
    ] {
        assert!(!told.contains(secret), "{secret} is in what was told");
    }
}
