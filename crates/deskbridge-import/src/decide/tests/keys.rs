use std::collections::HashSet;

use frappe::text::collation_key;
use proptest::prelude::*;

use crate::decide::SourceKey;

#[test]
fn ids_that_the_database_does_not_tell_apart_have_different_keys() {
    let ids = [
        "a",
        "A",
        "á",
        "a ",
        "Á",
        "ab",
        "đ",
        "d",
        "1",
        "01",
        "",
        "x".repeat(300).as_str(),
    ]
    .map(str::to_owned);
    let keys: HashSet<String> = ids
        .iter()
        .map(|id| collation_key(SourceKey::new("old", "ticket", id).as_str()))
        .collect();
    assert_eq!(keys.len(), ids.len());
    assert_eq!(
        SourceKey::new("old", "ticket", "17/n-2").as_str(),
        "old:ticket:17/n-2"
    );
}

proptest! {
    #[test]
    fn a_key_fits_and_is_one_line(source in "[a-z]{1,20}", id in "\\PC{0,400}") {
        let key = SourceKey::new(&source, "message", &id);
        prop_assert!(key.as_str().chars().count() <= 140);
        prop_assert!(!key.as_str().contains('\n'));
        prop_assert_eq!(key.as_str().trim(), key.as_str());
    }
}
