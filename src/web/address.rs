//! Addresses of the page: what stands behind the `?`, read and written.

use std::fmt::Write as _;

/// The values behind the `?` of an address, each with its name, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

/// More than this no form of ours sends.
const PAIRS_MAX: usize = 32;

impl Query {
    /// Reads what stands behind the `?`. What can't be read as text is read as well as it can.
    pub(super) fn read(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(PAIRS_MAX);
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        });
        Self { pairs: pairs.collect() }
    }

    /// All values, each with its name.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A value that isn't blank.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The same with one value replaced, or taken out.
    pub(super) fn with(&self, name: &str, value: Option<&str>) -> Self {
        let mut pairs = self.pairs.clone();
        pairs.retain(|(known, value)| known != name && !value.is_empty());
        pairs.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        Self { pairs }
    }

    /// The same without these.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        names.iter().fold(self.clone(), |query, name| query.with(name, None))
    }

    /// The address of `path` with these values.
    pub(super) fn on(&self, path: &str) -> String {
        let mut address = path.to_owned();
        for (at, (name, value)) in self.pairs.iter().enumerate() {
            address.push(if at == 0 { '?' } else { '&' });
            encode(&mut address, name);
            address.push('=');
            encode(&mut address, value);
        }
        address
    }
}

fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String doesn't fail.
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = || -> Option<u8> {
            let mut ahead = rest.clone();
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            Some(digit(ahead.next())? * 16 + digit(ahead.next())?)
        };
        match (byte, hex()) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some(value)) => {
                bytes.push(value);
                rest.nth(1);
            }
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_found_replaced_and_taken_out() {
        let query = Query::read("customer=contoso&serial=A%2B1+b&state=");
        assert_eq!(query.get("serial"), Some("A+1 b"));
        assert_eq!(query.get("state"), None);
        assert_eq!(query.with("state", Some("active")).on("/"), "/?customer=contoso&serial=A%2B1%20b&state=active");
        assert_eq!(query.without(&["customer", "serial"]).on("/"), "/");
        assert_eq!(Query::read("a=%zz%4").get("a"), Some("%zz%4"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(name in "[a-z]{1,8}", value in "\\PC{1,40}") {
            let written = Query::default().with(&name, Some(&value)).on("/x");
            prop_assert!(written.is_ascii() && !written.contains(['"', '<', '\'', ' ']));
            let (_, behind) = written.split_once('?').unwrap();
            let read = Query::read(behind);
            prop_assert_eq!(read.get(&name), Some(value.as_str()));
        }

        #[test]
        fn nothing_breaks_the_reading(text in "\\PC{0,80}") {
            Query::read(&text);
        }
    }
}
