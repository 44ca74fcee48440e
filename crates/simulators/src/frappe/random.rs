//! Names and tokens that look random and are the same in every run.

/// A small generator (splitmix64); nothing here needs to be unpredictable.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A document name as Frappe's `hash` rule makes them: ten of `0-9a-v`.
    pub(crate) fn name(&mut self) -> String {
        let bits = self.next();
        (0..10)
            .map(|place| digit(bits >> (5 * place) & 0x1f))
            .collect()
    }

    /// A lower-case hexadecimal text of `length` digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 16);
        while text.len() < length {
            text.push_str(&format!("{:016x}", self.next()));
        }
        text.truncate(length);
        text
    }

    /// A random UUID (version 4).
    pub(crate) fn uuid(&mut self) -> String {
        let hex = self.hex(30);
        let (first, rest) = hex.split_at_checked(8).unwrap_or_default();
        let (second, rest) = rest.split_at_checked(4).unwrap_or_default();
        let (third, rest) = rest.split_at_checked(3).unwrap_or_default();
        let (fourth, fifth) = rest.split_at_checked(3).unwrap_or_default();
        format!("{first}-{second}-4{third}-a{fourth}-{fifth}")
    }
}

fn digit(value: u64) -> char {
    u32::try_from(value)
        .ok()
        .and_then(|value| char::from_digit(value, 32))
        .unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_yields_the_same_names_and_they_have_their_shape() {
        let (mut one, mut other) = (Random::seeded(7), Random::seeded(7));
        let name = one.name();
        assert_eq!(name, other.name());
        assert_eq!(name.len(), 10);
        assert_ne!(name, one.name());
        assert_eq!(one.hex(56).len(), 56);
        let uuid = one.uuid();
        let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
    }
}
