//! Tables of text in any encoding.

use deskbridge_import::{
    map::{MappingFile, Take},
    reader::{Position, Source},
    record::{Kind, Record},
};

use crate::bench::{Bench, counts};

const MAPPING: &str = r#"
[[file]]
path = "tickets.csv"
kind = "ticket"
zone = "Asia/Ho_Chi_Minh"
[file.fields]
id = "Mã phiếu"
subject = "Tiêu đề"
status = { from = "Trạng thái", values = { "Đã đóng" = "Closed" } }
"requester.email" = "Email"
created_at = "Ngày tạo"
"#;

fn utf_16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn source(folder: &std::path::Path, bytes: &[u8], encoding: Option<&str>) -> Source {
    let path = folder.join("tickets.csv");
    std::fs::write(&path, bytes).unwrap();
    let mut mapping = MappingFile::read(MAPPING).unwrap();
    for file in &mut mapping.file {
        file.path.clone_from(&path);
        file.encoding = encoding.map(str::to_owned);
    }
    Source::Csv(mapping.file)
}

async fn subjects(source: &Source, from: Position) -> Vec<String> {
    let mut reader = source.open(Kind::Ticket, from).unwrap();
    let mut found = Vec::new();
    while let (next, Some(batch)) = reader.next(1).await.unwrap() {
        reader = next;
        found.extend(batch.items.into_iter().map(|item| match item.read {
            Ok(Record::Ticket(ticket)) => ticket.subject.unwrap_or_default(),
            other => format!("{}: {other:?}", item.place),
        }));
    }
    found
}

#[tokio::test]
async fn a_table_is_read_in_every_encoding_and_from_any_row() {
    let folder = tempfile::tempdir().unwrap();
    let text = |separator: &str| {
        let rows = [
            ["Mã phiếu", "Tiêu đề", "Trạng thái"],
            ["1", "\"Đơn, \"\"hàng\"\"\r\nmới\"", "Đã đóng"],
            ["", "", ""],
            ["2", "Thanh toán", "Open"],
        ];
        rows.map(|row| row.join(separator)).join("\r\n")
    };
    let expected = ["Đơn, \"hàng\"\r\nmới", "Thanh toán"];
    for separator in [",", ";", "\t"] {
        let text = text(separator);
        let with_mark = format!("\u{feff}{text}");
        for bytes in [text.as_bytes(), with_mark.as_bytes(), &utf_16(&text)] {
            let source = source(folder.path(), bytes, None);
            assert_eq!(
                subjects(&source, Position::default()).await,
                expected,
                "{separator:?}"
            );
        }
    }
    // "Заказ" in windows-1251, which has no mark.
    let bytes = [
        b"M\xE3 phi\xE9u;b\n".as_slice(),
        b"1;\xC7\xE0\xEA\xE0\xE7\n",
    ]
    .concat();
    let mut russian = source(folder.path(), &bytes, Some("windows-1251"));
    if let Source::Csv(files) = &mut russian {
        let fields = [("id", "Mг phiйu"), ("subject", "b")];
        files[0].fields = fields
            .map(|(member, column)| (member.to_owned(), Take::Column(column.to_owned())))
            .into();
    }
    assert_eq!(subjects(&russian, Position::default()).await, ["Заказ"]);
    let source = source(folder.path(), text(",").as_bytes(), None);
    let from = Position {
        lines: 2,
        ..Position::default()
    };
    assert_eq!(subjects(&source, from).await, expected[1..]);
}

#[tokio::test]
async fn what_a_row_cannot_be_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Mã phiếu,Tiêu đề,Ngày tạo\n1,a,hôm qua\n2,b,2024-05-10 10:00:00,x\n3,c,2024-05-10 10:00:00\n";
    let found = subjects(
        &source(folder.path(), text.as_bytes(), None),
        Position::default(),
    )
    .await;
    assert!(
        found[0].starts_with("tickets.csv line 2: Err(Unreadable { why: \"its `created_at`"),
        "{}",
        found[0]
    );
    assert!(
        found[1].starts_with("tickets.csv line 3: Err(Unreadable { why: \"it has more columns"),
        "{}",
        found[1]
    );
    assert_eq!(found[2], "c");
    let twice = source(folder.path(), b"a,a\n1,2\n", None).open(Kind::Ticket, Position::default());
    let read = twice.unwrap().next(1).await;
    assert!(read.is_err());
}

#[tokio::test]
async fn a_table_becomes_tickets() {
    let bench = Bench::new().await;
    let text = "Mã phiếu,Tiêu đề,Trạng thái,Email,Ngày tạo\n1,Đơn hàng,Đã đóng,an@tra.example,2024-05-10 10:00:00\n";
    let source = source(bench.folder.path(), text.as_bytes(), None);
    let summary = bench.run(&source).await;
    assert_eq!(summary.counts[&Kind::Ticket], counts(1, 0, 0, 0));
    let tickets = bench.all("HD Ticket").await;
    assert_eq!(tickets[0].text("status"), Some("Closed"));
    assert!(
        tickets[0]
            .text("creation")
            .unwrap()
            .starts_with("2024-05-10 10:00:00")
    );
}

#[tokio::test]
async fn messages_of_a_table_of_their_own_are_joined_to_their_tickets_in_any_order() {
    let bench = Bench::new().await;
    let folder = bench.folder.path();
    std::fs::write(
        folder.join("tickets.csv"),
        "ID,Subject,Status\n1,Một,Open\n2,Hai,Closed\n",
    )
    .unwrap();
    let messages = "Ticket,Body,Direction,From,At\n\
        2,<p>hai b</p>,Out,mai@helpdesk.example,2024-05-10 12:00\n\
        1,<p>một</p>,In,an@tra.example,2024-05-10 10:00\n\
        2,<p>hai a</p>,In,an@tra.example,2024-05-10 11:00\n\
        9,<p>chín</p>,In,an@tra.example,2024-05-10 11:00\n\
        1,<p>?</p>,Sideways,an@tra.example,2024-05-10 11:00\n";
    std::fs::write(folder.join("messages.csv"), messages).unwrap();
    let mapping = r#"
        [[file]]
        path = "tickets.csv"
        kind = "ticket"
        [file.fields]
        id = "ID"
        subject = "Subject"
        status = "Status"
        [file.messages]
        path = "messages.csv"
        ticket = "Ticket"
        zone = "Asia/Ho_Chi_Minh"
        [file.messages.fields]
        content = "Body"
        how = { from = "Direction", values = { In = "received", Out = "sent" } }
        "author.email" = "From"
        created_at = { from = "At", time = "%Y-%m-%d %H:%M" }
    "#;
    let mut files = MappingFile::read(mapping).unwrap().file;
    for file in &mut files {
        file.path = folder.join(&file.path);
        let messages = file.messages.as_mut().unwrap();
        messages.path = folder.join(&messages.path);
    }
    let summary = bench.run(&Source::Csv(files)).await;
    assert_eq!(
        summary.counts[&Kind::Ticket],
        counts(2, 0, 0, 2),
        "one row and one orphan"
    );
    let said: Vec<(String, String)> = bench
        .all("Communication")
        .await
        .iter()
        .map(|one| {
            ["reference_name", "content"]
                .map(|field| one.to_text(field).unwrap())
                .into()
        })
        .collect();
    let expected = [
        ("0001", "<p>một</p>"),
        ("0002", "<p>hai a</p>"),
        ("0002", "<p>hai b</p>"),
    ];
    let expected = expected.map(|(ticket, content)| (ticket.to_owned(), content.to_owned()));
    assert_eq!(said, expected);
    let rejected = std::fs::read_to_string(bench.rejects()).unwrap();
    assert!(
        rejected.contains("Sideways") && rejected.contains("1 messages belong to tickets"),
        "{rejected}"
    );
}
