//! What the program says about itself.

use std::fmt::Write as _;

use crate::process::run;

#[tokio::test]
async fn every_command_says_what_it_does() {
    let mut text = String::new();
    for command in [
        "",
        "serve",
        "demo",
        "doctor",
        "config",
        "config check",
        "config example",
        "bitrix24",
        "bitrix24 fields",
        "frappe",
        "frappe install",
        "frappe diff",
        "frappe uninstall",
        "frappe backup",
        "import",
        "import freshdesk",
        "import csv",
        "import jsonl",
        "import retry",
        "import verify",
        "import verify csv",
        "import map",
        "import status",
        "import errors",
        "import undo",
        "effects",
        "effects list",
        "effects show",
        "effects revive",
        "effects discard",
        "hook",
        "hook list",
        "hook test",
        "events",
        "events list",
        "events show",
        "events replay",
        "events discard",
        "events stats",
        "events reverify",
        "db",
        "db backup",
        "db restore",
        "db check",
        "simulate",
        "simulate bitrix24",
        "simulate frappe",
        "simulate caresoft",
        "simulate freshdesk",
        "simulate asterisk",
    ] {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let said = run(&arguments).await;
        assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{command}");
        let out = said.out.trim_end();
        writeln!(text, "$ deskbridge {}\n{out}\n", arguments.join(" ")).unwrap();
    }
    insta::assert_snapshot!("help", text);
}

#[tokio::test]
async fn the_example_configuration_can_be_used() {
    let example = run(&["config", "example"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deskbridge.toml");
    std::fs::write(&file, example.out).unwrap();
    let mut check =
        crate::process::command(&["config", "check", "--config", file.to_str().unwrap()]);
    check
        .env("HELPDESK_API_SECRET", "a-secret")
        .env("BITRIX24_WEBHOOK_URL", "https://portal.example/rest/1/one/")
        .env(
            "BITRIX24_RESPONSIBLE_WEBHOOK_URL",
            "https://portal.example/rest/1/two/",
        );
    let output = check.output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("https://helpdesk.example"), "{told}");
}

#[tokio::test]
async fn who_errs_is_told_what_to_do() {
    for (arguments, expected) in [
        (
            &["serve", "--config", "/nowhere/deskbridge.toml"][..],
            "`deskbridge config example` prints one to start from",
        ),
        (&["effects", "show", "12"][..], "one looks like `eff_"),
        (&["serv"][..], "a similar subcommand exists: 'serve'"),
        (
            &["demo", "--listen", "localhost"][..],
            "invalid socket address",
        ),
    ] {
        let said = run(arguments).await;
        assert!(said.status != Some(0) && said.out.is_empty());
        assert!(said.err.contains(expected), "{}", said.err);
    }
}
