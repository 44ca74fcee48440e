//! The program under load, killed again and again.

use benches::kill::{Options, rounds};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_however_often_the_power_goes() {
    let options = Options {
        program: env!("CARGO_BIN_EXE_deskbridge").into(),
        rounds: 20,
        seed: 1,
    };
    let report = rounds(&options).await.unwrap();
    assert!(report.is_clean(), "{options:?}: {report:#?}");
    assert!(
        report.kills.len() > 3 && report.sent_again > 0,
        "{report:?}"
    );
    assert!(report.compared > 500, "{report:?}");
}
