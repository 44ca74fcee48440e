//! Phones as the search for duplicates compares them.

/// The digits of a phone with the country in front. An extension is left out; a number that starts with
/// one nought is taken for a Vietnamese one, as on a portal of that country.
pub(crate) fn normal(phone: &str) -> String {
    let end = phone.find([';', ',', 'x', 'X', '#', 'e', 'E']);
    let number = phone.get(..end.unwrap_or(phone.len())).unwrap_or(phone);
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if let Some(international) = digits.strip_prefix("00") {
        international.to_owned()
    } else if let Some(national) = digits.strip_prefix('0') {
        format!("84{national}")
    } else {
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn a_phone_is_the_same_however_it_is_written() {
        for phone in [
            "0900000017",
            "+84900000017",
            "84 900 000 017",
            "0084-900-000-017",
            "(090) 000.0017;ext=12",
            "0900000017 x12",
        ] {
            assert_eq!(normal(phone), "84900000017", "{phone}");
        }
        assert_eq!(normal("no phone"), "");
    }
}
