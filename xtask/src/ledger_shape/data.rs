//! Made-up rows, the same at every run: each is computed from its number, so no list of them is held.

/// A well-mixed number for each `n`.
pub(super) fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The serial number of the n-th row: 7 to 12 letters and digits, in random order from row to row.
pub(super) fn serial(n: u64) -> String {
    let mut rest = mix(n); // twelve signs of 36 fit 64 bits
    let length = 7 + mix(n ^ (1 << 61)) % 6;
    (0..length)
        .map(|_| {
            let digit = u32::try_from(rest % 36).unwrap_or_default();
            rest /= 36;
            char::from_digit(digit, 36).unwrap_or('0').to_ascii_uppercase()
        })
        .collect()
}
