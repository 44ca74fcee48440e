//! Attachments and inline images.

use std::time::Duration;

use freshdesk::{
    Account, Cause, Download, Error, Options,
    record::{Link, TicketId},
};
use simulators::{
    clock::Clock,
    freshdesk::{self as desk, Edge, Sample, content},
};

use super::{account, account_with, faults, options, running};

async fn all(download: Result<Download, Error>) -> Result<(Vec<u8>, [u8; 32]), Error> {
    let mut download = download?;
    let mut bytes = Vec::new();
    while let Some(chunk) = download.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, download.sha256()))
}

#[tokio::test]
async fn files_are_fetched_without_the_key_and_anew_when_their_link_expired() {
    let clock = Clock::manual(Sample::default().now);
    let desk = desk::Options {
        records: Sample::default().records(),
        clock: clock.clone(),
        ..desk::Options::default()
    };
    let running = desk::start(desk).await.unwrap();
    let account = account(&running);
    let number = TicketId(Edge::HostileFileNames.number());
    let ticket = account.ticket(number).await.unwrap();
    let file = &ticket.attachments[0];
    // The host of files refuses whoever sends a key.
    let (bytes, _) = all(account.attachment(number, file).await).await.unwrap();
    assert_eq!(bytes, content(file.id.0, 50));
    running.desk.clear_asked();
    clock.advance(Duration::from_secs(301));
    let (again, _) = all(account.attachment(number, file).await).await.unwrap();
    assert_eq!(again, bytes);
    assert_eq!(
        running.desk.asked().len(),
        1,
        "the ticket was read anew, once"
    );
}

#[tokio::test]
async fn a_file_that_stays_dead_fails_alone() {
    let running = running().await;
    let account = account(&running);
    let number = TicketId(Edge::EqualFileNames.number());
    let ticket = account.ticket(number).await.unwrap();
    faults(&running, r#"[{"when":"FILE *","answer":{"status":403}}]"#);
    running.desk.clear_asked();
    let error = account
        .attachment(number, &ticket.attachments[0])
        .await
        .unwrap_err();
    assert!(
        matches!(error.cause, Cause::DeadLink { status: 403 }),
        "{error}"
    );
    assert_eq!(running.desk.asked().len(), 1);
    faults(&running, "[]");
    let (empty, _) = all(account.attachment(number, &ticket.attachments[2]).await)
        .await
        .unwrap();
    assert!(empty.is_empty());
}

#[tokio::test]
async fn sizes_are_checked() {
    let running = running().await;
    let number = TicketId(Edge::EqualFileNames.number());
    let small = Options {
        file_bytes_max: 15,
        ..options()
    };
    let small = account_with(&running, small);
    let account = account(&running);
    let ticket = account.ticket(number).await.unwrap();
    let [ten, twenty, _] = ticket.attachments.as_slice() else {
        panic!("three files")
    };
    all(small.attachment(number, ten).await).await.unwrap();
    let error = all(small.attachment(number, twenty).await)
        .await
        .unwrap_err();
    assert!(
        matches!(error.cause, Cause::TooLarge { bytes_max: 15 }),
        "{error}"
    );
    let mut liar = twenty.clone();
    liar.size = Some(12);
    let error = all(small.attachment(number, &liar).await)
        .await
        .unwrap_err();
    assert!(matches!(error.cause, Cause::TooLarge { .. }), "{error}");
    liar.size = Some(21);
    let error = all(account.attachment(number, &liar).await)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error.cause,
            Cause::WrongSize {
                expected: 21,
                got: 20
            }
        ),
        "{error}"
    );
    faults(
        &running,
        r#"[{"when":"FILE *","times":1,"answer":"truncate"}]"#,
    );
    let error = all(account.attachment(number, twenty).await)
        .await
        .unwrap_err();
    assert!(matches!(error.cause, Cause::Lost(_)), "{error}");
}

/// The addresses of the images in a text.
fn images(html: &str) -> Vec<Link> {
    let parts = html.split("<img src=\"").skip(1);
    parts
        .map(|part| Link::new(part.split('"').next().unwrap()))
        .collect()
}

async fn image_of(account: &Account, edge: Edge) -> Vec<Link> {
    let ticket = account.ticket(TicketId(edge.number())).await.unwrap();
    images(ticket.description.as_deref().unwrap())
}

#[tokio::test]
async fn inline_images_are_fetched_whatever_stands_before_their_address() {
    let running = running().await;
    let account = account(&running);
    for edge in [Edge::InlineImages, Edge::CidBeforeAddress] {
        let links = image_of(&account, edge).await;
        let (bytes, hash) = all(account.inline_image(&links[0]).await).await.unwrap();
        assert_eq!(bytes, content(edge.number() * 7, bytes.len() as u64));
        let (_, again) = all(account.inline_image(&links[0]).await).await.unwrap();
        assert_eq!(hash, again);
    }
    for link in image_of(&account, Edge::CidAndDataImages).await {
        let error = account.inline_image(&link).await.unwrap_err();
        assert!(
            matches!(error.cause, Cause::FileAddress),
            "{link:?} {error}"
        );
    }
    let foreign = Link::new("http://pixel.example/1.gif");
    let error = account.inline_image(&foreign).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "a file could not be read: the file lies at \"pixel.example\", from where none is fetched"
    );
}

#[tokio::test]
async fn a_redirect_of_a_file_is_followed_to_known_hosts_only_and_not_for_ever() {
    let running = running().await;
    let account = account(&running);
    let links = image_of(&account, Edge::InlineImages).await;
    let to = |location: &str, times: u32| {
        let answer = format!(r#"{{"status":302,"location":"{location}"}}"#);
        faults(
            &running,
            &format!(r#"[{{"when":"FILE *","times":{times},"answer":{answer}}}]"#),
        );
    };
    to(links[0].as_str(), 2);
    all(account.inline_image(&links[0]).await).await.unwrap();
    to("http://169.254.169.254/secret", 1);
    let error = account.inline_image(&links[0]).await.unwrap_err();
    assert!(matches!(error.cause, Cause::ForeignHost { .. }), "{error}");
    to(links[0].as_str(), 100);
    let error = account.inline_image(&links[0]).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Redirected { .. }), "{error}");
}
