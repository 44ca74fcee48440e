use proptest::prelude::*;

use super::*;
use crate::testing::{compact, samples};

const DOCUMENTED: &str = "420A69CE7D3C36559E9828D6361530DF30065D37";
const BODY: &[u8] = br#"{"ticket_id":1}"#;

fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

fn check(header: &str, secrets: &[&str], expected: Result<usize, Unverified>) {
    let secrets: Vec<Secret> = secrets.iter().map(|text| secret(text)).collect();
    assert_eq!(
        verify(Some(header.as_bytes()), BODY, &secrets),
        expected,
        "{header}"
    );
}

#[test]
fn the_documented_example_is_signed_as_documented() {
    assert_eq!(secret("CS123").sign(BODY), DOCUMENTED);
}

#[test]
fn any_case_and_a_prefix_are_taken() {
    let lower = DOCUMENTED.to_lowercase();
    let mixed = DOCUMENTED.replace('A', "a").replace('F', "f");
    for header in [
        DOCUMENTED.to_owned(),
        lower.clone(),
        mixed,
        format!("sha1={lower}"),
        format!("SHA1={DOCUMENTED}"),
        format!("  {DOCUMENTED} "),
    ] {
        check(&header, &["CS123"], Ok(0));
    }
}

#[test]
fn the_secret_that_fits_is_told_wherever_it_stands() {
    check(DOCUMENTED, &["old", "CS123", "new"], Ok(1));
    check(
        DOCUMENTED,
        &["old", "new"],
        Err(Unverified::Mismatch { secrets: 2 }),
    );
    check(DOCUMENTED, &[], Err(Unverified::Mismatch { secrets: 0 }));
    check(
        DOCUMENTED,
        &["cs123", "CS123 "],
        Err(Unverified::Mismatch { secrets: 2 }),
    );
}

#[test]
fn what_is_no_signature_is_told_from_a_wrong_one() {
    assert_eq!(
        verify(None, BODY, &[secret("CS123")]),
        Err(Unverified::Missing)
    );
    for header in [
        "",
        "sha1=",
        DOCUMENTED.trim_end_matches("37"),
        &format!("{DOCUMENTED}00"),
        &format!("sha256={DOCUMENTED}"),
        &DOCUMENTED.replace('4', "g"),
    ] {
        check(header, &["CS123"], Err(Unverified::Malformed));
    }
    check(
        &DOCUMENTED.replace('4', "5"),
        &["CS123"],
        Err(Unverified::Mismatch { secrets: 1 }),
    );
}

#[test]
fn every_sample_is_verified_pretty_and_compact_and_not_after_a_change() {
    let secrets = [secret("CS123")];
    for (name, pretty) in samples() {
        for body in [pretty.to_owned(), compact(pretty)] {
            let header = secrets[0].sign(body.as_bytes());
            let verified = |body: &str| verify(Some(header.as_bytes()), body.as_bytes(), &secrets);
            assert_eq!(verified(&body), Ok(0), "{name}");
            assert!(verified(&format!("{body}\n")).is_err(), "{name}");
        }
    }
}

#[test]
fn a_secret_is_never_empty_and_never_shown() {
    assert_eq!(Secret::new("").unwrap_err(), EmptySecret);
    assert_eq!(format!("{:?}", secret("CS123")), "Secret(..)");
}

proptest! {
    #[test]
    fn no_header_is_too_odd(header in prop::collection::vec(any::<u8>(), 0..60)) {
        prop_assert!(verify(Some(&header), BODY, &[secret("CS123")]).is_err());
    }
}
