//! MD5, by which Frappe tells whether two files have the same content, and base64.

/// The MD5 of some bytes in hexadecimal.
pub(crate) fn md5(bytes: &[u8]) -> String {
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    let bits = (bytes.len() as u64).wrapping_mul(8);
    padded.extend_from_slice(&bits.to_le_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded.chunks_exact(64) {
        let mut words = [0_u32; 16];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = bytes
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        let mixed = mix(state, words);
        for (part, mixed) in state.iter_mut().zip(mixed) {
            *part = part.wrapping_add(mixed);
        }
    }
    let bytes = state.iter().flat_map(|part| part.to_le_bytes());
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn mix(state: [u32; 4], words: [u32; 16]) -> [u32; 4] {
    const SHIFTS: [[u32; 4]; 4] = [
        [7, 12, 17, 22],
        [5, 9, 14, 20],
        [4, 11, 16, 23],
        [6, 10, 15, 21],
    ];
    let [mut a, mut b, mut c, mut d] = state;
    for (round, shifts) in (0_u32..).zip(SHIFTS) {
        for (within, shift) in (0_u32..16).zip(shifts.into_iter().cycle()) {
            let step = 16 * round + within;
            let (mixed, word) = match round {
                0 => (b & c | !b & d, step),
                1 => (d & b | !d & c, 5 * step + 1),
                2 => (b ^ c ^ d, 3 * step + 5),
                _ => (c ^ (b | !d), 7 * step),
            };
            let word = usize::try_from(word % 16)
                .ok()
                .and_then(|place| words.get(place))
                .copied()
                .unwrap_or_default();
            let sum = a
                .wrapping_add(mixed)
                .wrapping_add(sine(step))
                .wrapping_add(word);
            (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(shift)));
        }
    }
    [a, b, c, d]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the sine's absolute value times 2^32 fits a u32"
)]
fn sine(step: u32) -> u32 {
    (f64::from(step + 1).sin().abs() * 4_294_967_296.0) as u32
}

/// Decodes base64, standard alphabet, padding optional; `None` when a character does not belong.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    let letters = text.trim_end_matches('=').chars();
    for letter in letters.filter(|letter| !letter.is_whitespace()) {
        let value = ALPHABET
            .find(letter)
            .and_then(|at| u32::try_from(at).ok())?;
        buffer = (buffer << 6 | value) & 0x00ff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        for (text, digest) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("hello", "5d41402abc4b2a76b9719d911017c592"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            assert_eq!(md5(text.as_bytes()), digest, "{text}");
        }
    }

    #[test]
    fn base64_is_decoded_or_refused() {
        for (text, expected) in [
            ("aGVsbG8=", Some("hello")),
            ("YWJj", Some("abc")),
            ("a2V5OnNlY3JldA==", Some("key:secret")),
            ("", Some("")),
            ("%%%", None),
        ] {
            assert_eq!(
                base64(text),
                expected.map(|text| text.as_bytes().to_vec()),
                "{text}"
            );
        }
    }
}
