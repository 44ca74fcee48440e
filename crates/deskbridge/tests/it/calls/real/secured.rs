//! TLS, with a certificate made as docs/calls.md says.

use std::{net::TcpListener, process::Command};

use testkit::asterisk::Custom;

use super::*;

const DOCUMENT: &str = include_str!("../../../../../../docs/calls.md");
/// Where the document keeps keys.
const KEYS: &str = "/etc/asterisk/keys";

/// The lines of the document that begin with a word.
fn lines(first: &str) -> Vec<&'static str> {
    let lines = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("    "));
    lines.filter(|line| line.starts_with(first)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_followed_over_tls_by_a_pinned_certificate() {
    let pbx = Pbx::start().await;
    let keys = pbx.etc();
    let [command] = lines("openssl")[..] else {
        panic!("one command makes a certificate");
    };
    let words = command.split_whitespace();
    let words = words.map(|word| word.replace(KEYS, keys.to_str().unwrap()));
    let words: Vec<String> = words.collect();
    let made = Command::new(&words[0]).args(&words[1..]).output();
    let made = made.expect("this test needs openssl: apt-get install openssl");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );

    let general = lines("tls");
    let general: Vec<_> = general
        .iter()
        .filter(|line| !line.contains("true"))
        .collect();
    assert_eq!(general.len(), 4, "{general:?}");
    // Not the port of the plain interface, even at another address: Asterisk would take its default one.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let general: String = general
        .iter()
        .map(|line| {
            let line = line.replace(KEYS, keys.to_str().unwrap());
            line.replace("0.0.0.0:5039", &address.to_string()) + "\n"
        })
        .collect();
    pbx.configure(Custom::ManagerGeneral, &general).await;

    let certificate = keys.join("manager.crt");
    let configured = format!(
        "tls = true\ncertificate_file = \"{}\"",
        certificate.display()
    );
    assert!(DOCUMENT.contains("    tls = true\n    certificate_file = \"manager.crt\"\n"));
    let real = Real::with(pbx, |setting| Setting {
        address,
        more: configured.leak(),
        ..setting
    })
    .await;
    let talks = Calling::Talks { talk_ms: 300 };
    real.call_in(number::DIRECT, [(101, Called::answers())], talks)
        .await;
    let call = real.desk.finished(true).await;
    let finish = call.finish.as_ref().unwrap();
    let told = (finish.user_id, finish.status_code.as_str());
    assert_eq!(told, (OF_101, "200"));

    // Another certificate is not trusted, whatever it says of itself.
    let made = Command::new(&words[0]).args(&words[1..]).output().unwrap();
    assert!(made.status.success());
    let said = real.desk.bench.run(&["doctor"]).await;
    assert!(
        said.out.contains("office cannot be followed: TLS"),
        "{}",
        said.out
    );
}
