use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;

use super::*;

fn upload(size_bytes: u64, bytes: &'static [u8]) -> Upload {
    let url = "https://portal.test/rest/upload.json?auth=acc3sst0ken&token=telephony%7Cabcdef%3D";
    Upload::new(url, "file", "a\"b\r\n.mp3", size_bytes, bytes).unwrap()
}

fn body(upload: &Upload) -> Option<io::Result<Bytes>> {
    let body = upload.take_body(Arc::default())?;
    let announced = body.size_hint().exact().unwrap();
    let collected = body.collect().now_or_never().unwrap();
    Some(collected.map(|body| {
        let bytes = body.to_bytes();
        assert_eq!(bytes.len() as u64, announced);
        bytes
    }))
}

#[test]
fn the_form_holds_so_many_bytes_as_were_announced() {
    let upload = upload(4, b"\x00\xff\r\n and more");
    let bytes = body(&upload).unwrap().unwrap();
    let boundary = upload.content_type();
    let boundary = boundary.split_once("boundary=").unwrap().1;
    let mut expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"ab.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n"
    )
    .into_bytes();
    expected.extend_from_slice(b"\x00\xff\r\n");
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(bytes, expected);
    assert!(body(&upload).is_none(), "a stream is read once");
}

#[test]
fn a_reader_that_ends_too_early_fails_the_upload() {
    let error = body(&upload(5, b"1234")).unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn an_upload_that_was_given_up_sends_nothing() {
    let upload = upload(4, b"1234");
    let departure = Arc::new(Departure::default());
    departure.give_up();
    let body = upload.take_body(departure).unwrap();
    assert!(body.collect().now_or_never().unwrap().is_err());
}

#[test]
fn the_tokens_of_the_address_are_blotted_out() {
    let upload = upload(1, b"1");
    let said = "no acc3sst0ken, telephony|abcdef= or telephony%7Cabcdef%3D";
    assert_eq!(upload.scrub(said), "no •••, ••• or •••");
    assert_eq!(format!("{upload:?}"), "Upload");
}
