use std::{
    fs,
    io::{Read as _, Write as _},
};

use serde_json::json;

use super::*;
use crate::record::{CompanyId, Kind, PersonId, TicketId};

/// An export of files with these names and texts.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn open(folder: &tempfile::TempDir) -> Export {
    Export::open(folder.path(), Bounds::default()).unwrap()
}

fn numbers(export: &Export) -> Vec<Result<u64, String>> {
    let tickets = export.tickets();
    tickets
        .map(|ticket| {
            ticket
                .map(|ticket| ticket.value.id.0)
                .map_err(|error| error.to_string())
        })
        .collect()
}

const JSON: &str = r#"[{"helpdesk_ticket": {
    "id": 81000, "display_id": 7, "account_id": 715040, "subject": "007",
    "description": "plain", "description_html": "<p>rich</p>", "ticket_type": "Problem", "status": 5,
    "to_email": "a@mail.test", "cc_email": {"cc_emails": ["b@mail.test"], "fwd_emails": [], "reply_cc": ["c@mail.test"], "tkt_cc": []},
    "custom_field": {"order_code_715040": "DH1", "cf_area_715040": null}, "tags": [{"name": "vip"}],
    "spam": false, "status_name": "Closed", "created_at": "2021-03-04T10:15:00+05:30",
    "ticket_states": {"first_response_time": "2021-03-04T11:00:00+05:30", "closed_at": null},
    "attachments": [{"id": 3, "content_file_name": "a.png", "content_content_type": "image/png", "content_file_size": 12, "attachment_url": "https://x.test/3"}],
    "notes": [
      {"note": {"id": 12, "body": "later", "body_html": "<b>later</b>", "private": true, "deleted": true, "created_at": "2021-03-05T00:00:00Z"}},
      {"id": 11, "body": "text", "body_html": "<i>text</i>", "private": false, "incoming": true, "user_id": 9, "created_at": "2021-03-04T10:20:00+05:30", "attachments": []},
      {"id": 13, "body": "created_by: 12, time: x", "body_html": "", "private": true, "created_at": "2021-03-06T00:00:00Z"}]
}}]"#;

const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<helpdesk-tickets type="array"><helpdesk-ticket>
  <id type="integer">81000</id><display-id type="integer">7</display-id><account-id type="integer">715040</account-id>
  <subject>007</subject><description>plain</description><description-html>&lt;p&gt;rich&lt;/p&gt;</description-html>
  <ticket-type>Problem</ticket-type><status type="integer">5</status><to-email>a@mail.test</to-email>
  <cc-email><cc-emails type="array"><cc-email>b@mail.test</cc-email></cc-emails><fwd-emails type="array"/>
    <reply-cc type="array"><reply-cc>c@mail.test</reply-cc></reply-cc><tkt-cc type="array"/></cc-email>
  <custom_field><order_code_715040>DH1</order_code_715040><cf_area_715040 nil="true"/></custom_field>
  <tags type="array"><tag><name>vip</name></tag></tags><spam type="boolean">false</spam>
  <status-name>Closed</status-name><created-at type="datetime">2021-03-04T10:15:00+05:30</created-at>
  <ticket-states><first-response-time type="datetime">2021-03-04T11:00:00+05:30</first-response-time><closed-at nil="true"/></ticket-states>
  <attachments type="array"><attachment><id type="integer">3</id><content-file-name>a.png</content-file-name>
    <content-content-type>image/png</content-content-type><content-file-size type="integer">12</content-file-size>
    <attachment-url>https://x.test/3</attachment-url></attachment></attachments>
  <notes type="array">
    <helpdesk-note><id type="integer">12</id><body>later</body><body-html><![CDATA[<b>later</b>]]></body-html><private type="boolean">true</private><deleted type="boolean">true</deleted><created-at type="datetime">2021-03-05T00:00:00Z</created-at></helpdesk-note>
    <helpdesk-note><id type="integer">11</id><body>text</body><body-html>&lt;i&gt;text&lt;/i&gt;</body-html><private type="boolean">false</private><incoming type="boolean">true</incoming><user-id type="integer">9</user-id><created-at type="datetime">2021-03-04T10:20:00+05:30</created-at><attachments type="array"/></helpdesk-note>
    <helpdesk-note><id type="integer">13</id><body>created_by: 12, time: x</body><body-html></body-html><private type="boolean">true</private><created-at type="datetime">2021-03-06T00:00:00Z</created-at></helpdesk-note>
  </notes>
</helpdesk-ticket></helpdesk-tickets>"#;

#[test]
fn a_ticket_is_the_same_in_either_form_and_has_the_apis_names() {
    let one = |name, text| {
        let folder = folder(&[(name, text)]);
        let mut tickets = open(&folder)
            .tickets()
            .map(|ticket| ticket.unwrap().value)
            .collect::<Vec<_>>();
        assert_eq!(tickets.len(), 1);
        tickets.remove(0)
    };
    let ticket = one("Tickets0.json", JSON);
    assert_eq!(ticket, one("Tickets0.xml", XML));
    assert_eq!(
        (ticket.id, &ticket.other["export_id"]),
        (TicketId(7), &json!(81000))
    );
    assert_eq!(ticket.subject.as_deref(), Some("007"));
    assert_eq!(ticket.description.as_deref(), Some("<p>rich</p>"));
    assert_eq!(ticket.description_text.as_deref(), Some("plain"));
    assert_eq!(ticket.kind.as_deref(), Some("Problem"));
    assert_eq!(
        (ticket.to_emails, ticket.cc_emails),
        (
            vec!["a@mail.test".to_owned()],
            vec!["b@mail.test".to_owned()]
        )
    );
    assert_eq!(ticket.reply_cc_emails, ["c@mail.test"]);
    assert_eq!(ticket.tags, ["vip"]);
    assert_eq!(
        json!(ticket.custom_fields),
        json!({"cf_order_code": "DH1", "cf_area": null})
    );
    assert_eq!(
        ticket.created_at.unwrap().to_string(),
        "2021-03-04T04:45:00Z"
    );
    assert_eq!(
        ticket
            .stats
            .unwrap()
            .first_responded_at
            .unwrap()
            .to_string(),
        "2021-03-04T05:30:00Z"
    );
    assert_eq!(
        (
            ticket.attachments[0].name.as_deref(),
            ticket.attachments[0].size
        ),
        (Some("a.png"), Some(12))
    );
    let kinds: Vec<_> = ticket
        .conversations
        .iter()
        .map(|item| (item.id.0, item.kind()))
        .collect();
    assert_eq!(
        kinds,
        [
            (11, Kind::CustomerMessage),
            (12, Kind::Deleted),
            (13, Kind::MachineNote)
        ]
    );
    let first = &ticket.conversations[0];
    assert_eq!(
        (first.body.as_deref(), first.body_text.as_deref()),
        (Some("<i>text</i>"), Some("text"))
    );
    assert_eq!(
        (first.user_id, first.ticket_id),
        (Some(PersonId(9)), Some(TicketId(7)))
    );
    assert_eq!(ticket.other["status_name"], "Closed");
}

#[test]
fn files_are_found_wherever_they_lie_and_read_in_the_order_of_their_numbers() {
    let ticket = |id: u64| format!(r#"[{{"ticket":{{"id":{id}}}}}]"#);
    let (two, ten, none) = (ticket(2), ticket(10), ticket(1));
    let folder = folder(&[
        ("Tickets/Tickets10.json", &ten),
        ("Tickets/Tickets2.json", &two),
        ("old/Tickets.json", &none),
        ("Solutions0.json", "[]"),
        ("readme.txt", ""),
    ]);
    let export = open(&folder);
    assert_eq!(numbers(&export), [Ok(1), Ok(2), Ok(10)]);
    let missing = |oddity: &&Oddity| matches!(oddity, Oddity::MissingNumber { .. });
    assert_eq!(export.oddities().iter().filter(missing).count(), 9);
    assert!(
        export
            .oddities()
            .contains(&Oddity::Unknown("Solutions0.json".to_owned()))
    );
}

#[test]
fn one_part_twice_is_an_error() {
    let folder = folder(&[("a/Tickets0.json", "[]"), ("b/Tickets0.json", "[]")]);
    let error = Export::open(folder.path(), Bounds::default()).unwrap_err();
    assert!(matches!(error, ExportError::Twice { .. }), "{error}");
}

#[test]
fn one_bad_record_leaves_the_others() {
    let text = "\u{feff} [{\"ticket\":{\"id\":1}}, {\"ticket\":{\"subject\":\"no id\"}},\n{\"ticket\":{\"id\":2 oops}},{\"display_id\":3,\"subject\":\"a\u{1}\u{b}b\"}]";
    let folder = folder(&[("Tickets0.json", text)]);
    let export = open(&folder);
    let read: Vec<_> = export.tickets().collect();
    assert_eq!(read.len(), 4);
    assert_eq!(read[0].as_ref().unwrap().value.id, TicketId(1));
    for (place, record) in [(1, 2), (2, 3)] {
        let error = read[place].as_ref().unwrap_err();
        assert!(
            error.is_of_one_record()
                && error
                    .to_string()
                    .contains(&format!("record {record} of Tickets0.json")),
            "{error}"
        );
    }
    assert_eq!(
        read[3].as_ref().unwrap().value.subject.as_deref(),
        Some("a\u{1}\u{b}b")
    );
}

#[test]
fn what_breaks_off_is_an_error_after_what_was_whole() {
    for (name, text) in [
        ("Tickets0.json", r#"[{"ticket":{"id":1}},{"ticket":{"id":"#),
        (
            "Tickets0.xml",
            "<tickets type=\"array\"><ticket><id>1</id></ticket><ticket><id>2",
        ),
        (
            "Tickets0.xml",
            "<tickets type=\"array\"><ticket><id>1</id></ticket><ticket></id></ticket></tickets>",
        ),
        ("Tickets0.json", "[{\"ticket\":{\"id\":1}},\"<html>\"]"),
    ] {
        let folder = folder(&[(name, text)]);
        let read = numbers(&open(&folder));
        assert_eq!((read.len(), &read[0]), (2, &Ok(1)), "{text}");
        assert!(
            read[1]
                .as_ref()
                .unwrap_err()
                .contains("could not be read on after 1 records"),
            "{read:?}"
        );
    }
}

#[test]
fn nothing_is_expanded_and_nothing_grows_without_bound() {
    let laughs = r#"<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>
        <tickets type="array"><ticket><id>1</id><subject>&b; &#x41; &#0; &nbsp; R&D</subject></ticket></tickets>"#;
    let folder_of = |text: &str| folder(&[("Tickets0.xml", text)]);
    let folder = folder_of(laughs);
    let tickets: Vec<_> = open(&folder)
        .tickets()
        .map(|ticket| ticket.unwrap().value)
        .collect();
    assert_eq!(
        tickets[0].subject.as_deref(),
        Some("&b; A \u{0} &nbsp; R&D")
    );

    let bounds = Bounds {
        record_bytes_max: 300_000,
        ..Bounds::default()
    };
    let long = "x".repeat(1_000_000);
    for (name, text) in [
        (
            "Tickets0.xml",
            format!(
                "<tickets><ticket><id>1</id></ticket><ticket><subject>{long}</subject></ticket></tickets>"
            ),
        ),
        (
            "Tickets0.json",
            format!("[{{\"ticket\":{{\"id\":1}}}},{{\"subject\":\"{long}\"}}]"),
        ),
        (
            "Tickets0.json",
            format!("[{{\"ticket\":{{\"id\":1}}}},{}", " ".repeat(1_000_000)),
        ),
    ] {
        let folder = folder_of("");
        fs::remove_file(folder.path().join("Tickets0.xml")).unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        let export = Export::open(folder.path(), bounds).unwrap();
        let read = numbers(&export);
        assert!(
            read[1]
                .as_ref()
                .unwrap_err()
                .contains("larger than 300000 bytes"),
            "{read:?}"
        );
    }
    let deep = format!("<tickets><ticket>{}", "<a>".repeat(100));
    let read = numbers(&open(&folder_of(&deep)));
    assert!(
        read[0].as_ref().unwrap_err().contains("more than 64 deep"),
        "{read:?}"
    );
    let deep = format!("[{{\"ticket\":{}", "[".repeat(10_000));
    let deep = format!("{deep}{}}}]", "]".repeat(10_000));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Tickets0.json"), deep).unwrap();
    assert!(numbers(&open(&folder))[0].is_err());
}

fn zipped(files: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    file
}

#[test]
fn a_zip_is_read_where_it_is_and_its_names_are_not_followed() {
    let ticket = br#"[{"ticket":{"id":5}}]"#;
    let zip = zipped(&[
        ("export/Tickets0.json", ticket),
        ("../../Tickets1.json", ticket),
        ("/etc/Users0.json", ticket),
    ]);
    let export = Export::open(zip.path(), Bounds::default()).unwrap();
    assert_eq!(numbers(&export), [Ok(5)]);
    assert!(
        export
            .oddities()
            .contains(&Oddity::Refused("../../Tickets1.json".to_owned())),
        "{:?}",
        export.oddities()
    );
}

#[test]
fn a_file_that_is_packed_too_well_is_not_read_to_its_end() {
    let mut text = b"[{\"ticket\":{\"id\":1}},".to_vec();
    for _ in 0..100 {
        text.extend(b"{\"ticket\":{\"id\":2,\"subject\":\"");
        text.extend(std::iter::repeat_n(b'x', 1 << 20));
        text.extend(b"\"}},");
    }
    let zip = zipped(&[("Tickets0.json", &text)]);
    let read = numbers(&Export::open(zip.path(), Bounds::default()).unwrap());
    let why = read.last().unwrap().as_ref().unwrap_err();
    assert!(why.contains("400 times larger"), "{why}");
    assert!((60..70).contains(&read.len()), "{}", read.len());
}

#[test]
fn damage_is_noticed() {
    let zip = zipped(&[(
        "Tickets0.json",
        br#"[{"ticket":{"id":5,"subject":"abcdefgh"}}]"#,
    )]);
    let mut bytes = Vec::new();
    zip.reopen().unwrap().read_to_end(&mut bytes).unwrap();
    let place = bytes
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    // The checksum in the directory.
    bytes[place + 16] ^= 1;
    fs::write(zip.path(), bytes).unwrap();
    let read = numbers(&Export::open(zip.path(), Bounds::default()).unwrap());
    assert!(
        read.last()
            .unwrap()
            .as_ref()
            .unwrap_err()
            .contains("damaged"),
        "{read:?}"
    );
}

#[test]
fn people_and_companies_have_the_apis_names() {
    let folder = folder(&[
        (
            "Users0.json",
            r#"[{"user":{"id":1,"name":"Hoa","customer_id":4,"external_id":"x9","deleted":true,"helpdesk_agent":false}},
            {"user":{"id":2,"name":"An","email":"an@desk.test","helpdesk_agent":true}}]"#,
        ),
        (
            "AllAgents0.json",
            r#"[{"agent":{"id":88,"user_id":2,"ticket_scope":1,"user":{"id":2,"name":"An"}}}]"#,
        ),
        (
            "Companies.xml",
            "<companies type=\"array\"><company><id type=\"integer\">4</id><name>A</name><domains>a.test, b.test</domains></company></companies>",
        ),
        (
            "Groups0.json",
            r#"[{"group":{"id":6,"name":"G","agents":[{"id":2}]}}]"#,
        ),
        (
            "TimeEntries0.json",
            r#"[{"id":3,"ticket_id":5,"user_id":2,"timespent":1.5},{"id":4,"time_spent":"100:07"}]"#,
        ),
    ]);
    let export = open(&folder);
    let users: Vec<User> = export.users().map(|user| user.unwrap().value).collect();
    let [User::Contact(contact), User::Agent(agent)] = users.as_slice() else {
        panic!("{users:?}")
    };
    assert_eq!(
        (contact.company_id, contact.deleted),
        (Some(CompanyId(4)), Some(true))
    );
    assert_eq!(contact.unique_external_id.as_deref(), Some("x9"));
    assert_eq!(
        agent.contact.as_ref().unwrap().email.as_deref(),
        Some("an@desk.test")
    );
    let agents: Vec<_> = export
        .agents()
        .map(|agent| agent.unwrap().value.id)
        .collect();
    assert_eq!(agents, [PersonId(2)]);
    let companies: Vec<_> = export
        .companies()
        .map(|company| company.unwrap().value.domains)
        .collect();
    assert_eq!(companies, [["a.test", "b.test"]]);
    let groups: Vec<_> = export
        .groups()
        .map(|group| group.unwrap().value.agent_ids)
        .collect();
    assert_eq!(groups, [[PersonId(2)]]);
    let minutes: Vec<_> = export
        .time_entries()
        .map(|entry| entry.unwrap().value.minutes())
        .collect();
    assert_eq!(minutes, [Some(90), Some(6007)]);
}
