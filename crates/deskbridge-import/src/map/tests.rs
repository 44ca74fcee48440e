use serde_json::{Map, Value, json};

use super::{Mapping, MappingFile, propose::propose};
use crate::record::Kind;

const TICKETS: &str = r#"
[[file]]
path = "tickets.csv"
kind = "ticket"
zone = "Asia/Ho_Chi_Minh"
[file.fields]
id = "Ticket ID"
subject = "Subject"
"requester.email" = "person.email"
status = { from = "Status", values = { "Being Processed" = "Open" } }
created_at = "Created"
resolved_at = { from = "Resolved", time = "%d/%m/%Y %H:%M" }
tags = { from = "Tags", split = "," }
"fields.custom_orgid" = { expression = "{{ row['Org ID'] | trim | upper }}" }
"#;

fn row(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn mapped(value: &Value) -> Result<Value, String> {
    let file = MappingFile::read(TICKETS).unwrap().file.remove(0);
    let record = Mapping::new(&file).unwrap().record(&row(value))?;
    Ok(serde_json::to_value(record).unwrap())
}

#[test]
fn a_row_becomes_a_record() {
    let record = mapped(&json!({
        "Ticket ID": 7, "Subject": " Đơn hàng ", "person": {"email": "an@tra.example"}, "Status": "Being Processed",
        "Created": "2024-05-10 10:00:00", "Resolved": "12/05/2024 10:00", "Tags": "gấp, đơn,,", "Org ID": " a1 ",
    }));
    let expected = json!({
        "kind": "ticket", "id": "7", "subject": "Đơn hàng", "status": "Open", "requester": {"email": "an@tra.example"},
        "created_at": "2024-05-10T03:00:00Z", "resolved_at": "2024-05-12T03:00:00Z", "tags": ["gấp", "đơn"],
        "fields": {"custom_orgid": "A1"},
    });
    assert_eq!(record, Ok(expected));
}

#[test]
fn times_are_understood_in_several_forms_and_none_is_made_up() {
    let created = |text: Value| {
        mapped(&json!({"Ticket ID": "1", "Created": text}))
            .map(|record| record["created_at"].clone())
    };
    for text in [
        "2024-05-10T10:00:00+07:00",
        "2024-05-10 10:00:00",
        "1715310000",
        "1715310000000",
    ] {
        assert_eq!(
            created(text.into()),
            Ok("2024-05-10T03:00:00Z".into()),
            "{text}"
        );
    }
    assert_eq!(created("".into()), Ok(Value::Null));
    assert_eq!(
        created("10/05/24".into()),
        Err("its `created_at` is no time that the mapping describes".to_owned())
    );
}

#[test]
fn a_row_or_a_mapping_without_an_id_gives_nothing() {
    assert_eq!(
        mapped(&json!({"Subject": "a"})),
        Err("it has no id".to_owned())
    );
    let mut file = MappingFile::read(TICKETS).unwrap().file.remove(0);
    file.fields.remove("id");
    assert!(Mapping::new(&file).is_err());
    assert!(MappingFile::read("[[file]]\npath = 'a'\nkind = 'ticket'\nfeilds = {}").is_err());
}

#[test]
fn headers_in_three_languages_find_their_places() {
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: [Case<'_>; 3] = [
        (
            &[
                "ID",
                "Ticket ID",
                "Subject",
                "Created time",
                "Survey results",
            ],
            &[
                ("created_at", "Created time"),
                ("id", "Ticket ID"),
                ("subject", "Subject"),
            ],
            &["ID", "Survey results"],
        ),
        (
            &["Mã phiếu", "TIÊU ĐỀ", "Trạng thái", "Ngày tạo"],
            &[
                ("created_at", "Ngày tạo"),
                ("id", "Mã phiếu"),
                ("status", "Trạng thái"),
                ("subject", "TIÊU ĐỀ"),
            ],
            &[],
        ),
        (
            &["Номер заявки", "Тема", "Приоритет", "Дата_создания"],
            &[
                ("created_at", "Дата_создания"),
                ("id", "Номер заявки"),
                ("priority", "Приоритет"),
                ("subject", "Тема"),
            ],
            &[],
        ),
    ];
    for (headers, expected, left) in cases {
        let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
        let proposal = propose("tickets.csv".into(), Kind::Ticket, &headers);
        let found: Vec<(String, Value)> = proposal
            .file
            .fields
            .iter()
            .map(|(member, take)| (member.clone(), serde_json::to_value(take).unwrap()))
            .collect();
        let expected: Vec<(String, Value)> = expected
            .iter()
            .map(|(member, header)| ((*member).to_owned(), (*header).into()))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(proposal.left, left);
    }
}
