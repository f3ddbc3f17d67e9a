//! Counts physical lines, as a text editor does: LF, CRLF and CR each end one.

/// Where a reader stands.
#[derive(Debug, Clone)]
pub(crate) struct LineCount {
    line: u64,
    last: Option<u8>,
}

/// Counts in parts whose count fits into a byte, which is what makes it fast: every byte of a file comes by here.
fn count(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    let part = |part: &[u8]| part.iter().fold(0_u8, |sum, byte| sum.wrapping_add(u8::from(wanted(*byte))));
    bytes.chunks(usize::from(u8::MAX)).map(|bytes| usize::from(part(bytes))).sum()
}

/// Counts the CRs that an LF follows.
fn count_pairs(bytes: &[u8]) -> usize {
    let behind = bytes.get(1..).unwrap_or_default();
    let pair = |(first, second): (&u8, &u8)| u8::from(*first == b'\r') & u8::from(*second == b'\n');
    let parts = bytes.chunks(usize::from(u8::MAX)).zip(behind.chunks(usize::from(u8::MAX)));
    parts
        .map(|(bytes, behind)| {
            usize::from(bytes.iter().zip(behind).fold(0_u8, |sum, two| sum.wrapping_add(pair(two))))
        })
        .sum()
}

/// Whether `byte` ends a line.
pub(crate) fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

impl LineCount {
    /// On line 1, nothing read.
    pub(crate) fn new() -> Self {
        Self { line: 1, last: None }
    }

    /// The line on which the next byte stands. The LF of a CRLF counts as standing on the line that its CR opens.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The byte read last.
    pub(crate) fn last(&self) -> Option<u8> {
        self.last
    }

    /// Whether a line was begun and isn't ended.
    pub(crate) fn inside_line(&self) -> bool {
        self.last.is_some_and(|byte| !ends_line(byte))
    }

    /// Reads one byte.
    pub(crate) fn byte(&mut self, byte: u8) {
        if ends_line(byte) && !(byte == b'\n' && self.last == Some(b'\r')) {
            self.line += 1;
        }
        self.last = Some(byte);
    }

    /// Reads bytes of which only the last may end a line.
    pub(crate) fn one_line(&mut self, bytes: &[u8]) {
        let Some((last, before)) = bytes.split_last() else { return };
        if let Some(byte) = before.last() {
            self.last = Some(*byte);
        }
        self.byte(*last);
    }

    /// Reads any bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return };
        let (feeds, returns) = (count(bytes, |byte| byte == b'\n'), count(bytes, |byte| byte == b'\r'));
        let pairs = if returns == 0 { 0 } else { count_pairs(bytes) };
        let split_pair = usize::from(*first == b'\n' && self.last == Some(b'\r'));
        self.line += crate::limits::count(feeds + returns - pairs - split_pair);
        self.last = Some(*last);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_ways_of_counting_agree(text in "[\r\na]{0,12}", cut in 0_usize..12) {
            let cut = cut.min(text.len());
            let mut by_byte = LineCount::new();
            text.bytes().for_each(|byte| by_byte.byte(byte));
            let mut in_bulk = LineCount::new();
            in_bulk.bytes(&text.as_bytes()[..cut]);
            in_bulk.bytes(&text.as_bytes()[cut..]);
            prop_assert_eq!(by_byte.line(), in_bulk.line());
            let plain = text.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(by_byte.line(), 1 + crate::limits::count(plain.matches('\n').count()));
            let mut by_line = LineCount::new();
            text.as_bytes().split_inclusive(|byte| ends_line(*byte)).for_each(|line| by_line.one_line(line));
            prop_assert_eq!(by_byte.line(), by_line.line());
        }
    }
}
