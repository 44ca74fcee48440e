//! Decimals from the digits as sent.

use bigdecimal::{BigDecimal, Zero as _};

/// Places before and after the point; beyond them a short text would make a huge number.
const PLACES_MAX: i64 = 1000;

pub(super) fn decimal(text: &str) -> Option<BigDecimal> {
    let is_plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    if i64::try_from(text.len()).ok()? > PLACES_MAX || !text.bytes().all(is_plain) {
        return None;
    }
    let number: BigDecimal = text.parse().ok()?;
    if number.is_zero() {
        return Some(BigDecimal::zero());
    }
    let places = number.fractional_digit_count();
    (-PLACES_MAX..=PLACES_MAX)
        .contains(&places)
        .then_some(number)
}
