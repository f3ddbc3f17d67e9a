//! What an entry says, as bytes: its kind and every column of it, each with its type and length.

/// Defines the kinds of entries.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $word:literal;)*) => {
        /// What an entry of the record is about. Its number is part of what is hashed and never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// All kinds, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The byte that stands for it in an entry's content.
            pub fn number(self) -> u8 {
                match self { $(Self::$name => $number),* }
            }

            /// Its word: the table is called so, and the view of its canonical columns `entry_` and this word.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }
        }
    };
}

kinds! {
    /// The beginning of an unbroken life of the ledger.
    Epoch = 1, "epoch";
    /// One content of one file.
    Submission = 2, "submission";
    /// One arrival of a submission's file.
    Delivery = 3, "delivery";
    /// One data row of a submission.
    Registration = 4, "registration";
    /// One request to a registrar.
    Call = 5, "call";
    /// The intent to register one registration.
    Attempt = 6, "attempt";
    /// How an attempt ended.
    Outcome = 7, "outcome";
    /// A change of state that no outcome tells.
    Transition = 8, "transition";
    /// A result file that was written.
    Result = 9, "result";
    /// A file that was refused unread.
    Refusal = 10, "refusal";
    /// What a person, or the daemon itself, did.
    Action = 11, "action";
}

/// One column of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// Text, as UTF-8.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Integer)
    }
}

impl<'a> From<Option<&'a [u8]>> for Value<'a> {
    fn from(bytes: Option<&'a [u8]>) -> Self {
        bytes.map_or(Self::Null, Self::Blob)
    }
}

/// What every content begins with.
const DOMAIN: &[u8] = b"devicedrop-entry-v1\0";

/// Returns the content of an entry of this kind with these columns, its number included, in the order of the
/// view `entry_<kind>`.
///
/// `devicedrop-entry-v1`, a NUL, the kind's number as one byte; then for each column one letter, and what it needs:
/// `N` for null; `I` and 8 bytes, big-endian, two's complement, for an integer; `T` for text and `B` for bytes, with
/// the length as 4 bytes, big-endian, and the bytes. Types and lengths stand before what they tell of, so that no
/// two lists of columns give the same content, wherever a boundary between two of them is moved.
pub fn content(kind: Kind, columns: &[Value<'_>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    write_content(&mut bytes, kind, columns);
    bytes
}

/// Appends to `out` what [`content`] returns.
pub fn write_content(out: &mut Vec<u8>, kind: Kind, columns: &[Value<'_>]) {
    out.extend_from_slice(DOMAIN);
    out.push(kind.number());
    for column in columns {
        match column {
            Value::Null => out.push(b'N'),
            Value::Integer(number) => {
                out.push(b'I');
                out.extend_from_slice(&number.to_be_bytes());
            }
            Value::Text(text) => write_sized(out, b'T', text.as_bytes()),
            Value::Blob(bytes) => write_sized(out, b'B', bytes),
        }
    }
}

fn write_sized(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    // SQLite holds no value of 4 GiB, so the length always fits.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq)]
    enum Owned {
        Null,
        Integer(i64),
        Text(String),
        Blob(Vec<u8>),
    }

    impl Owned {
        fn value(&self) -> Value<'_> {
            match self {
                Self::Null => Value::Null,
                Self::Integer(number) => Value::Integer(*number),
                Self::Text(text) => Value::Text(text),
                Self::Blob(bytes) => Value::Blob(bytes),
            }
        }
    }

    fn columns() -> impl Strategy<Value = Vec<Owned>> {
        let column = prop_oneof![
            Just(Owned::Null),
            any::<i64>().prop_map(Owned::Integer),
            // Few letters, and those the tags are made of, so that lists collide if they can.
            "[NIT\u{0}a]{0,6}".prop_map(Owned::Text),
            proptest::collection::vec(proptest::sample::select(vec![b'N', b'T', 0, 1]), 0..6).prop_map(Owned::Blob),
        ];
        proptest::collection::vec(column, 0..5)
    }

    fn of(kind: Kind, columns: &[Owned]) -> Vec<u8> {
        content(kind, &columns.iter().map(Owned::value).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn different_columns_give_different_contents(a in columns(), b in columns()) {
            prop_assert_eq!(a == b, of(Kind::Attempt, &a) == of(Kind::Attempt, &b));
            prop_assert_ne!(of(Kind::Attempt, &a), of(Kind::Outcome, &a));
        }

        #[test]
        fn a_moved_boundary_shows(text in "[a-z]{2,8}|T{2,8}", first in 0_usize..9, second in 0_usize..9) {
            let (first, second) = (first.min(text.len()), second.min(text.len()));
            let split = |at: usize| {
                content(Kind::Registration, &[Value::Text(&text[..at]), Value::Text(&text[at..])])
            };
            prop_assert_eq!(first == second, split(first) == split(second));
        }
    }

    #[test]
    fn the_form_is_fixed() {
        let columns = [Value::Integer(-2), Value::Null, Value::Text("é"), Value::Blob(&[0, 255])];
        let mut expected = b"devicedrop-entry-v1\0\x04I".to_vec();
        expected.extend([255, 255, 255, 255, 255, 255, 255, 254]);
        expected.extend(b"NT\0\0\0\x02\xc3\xa9B\0\0\0\x02\0\xff");
        assert_eq!(content(Kind::Registration, &columns), expected);
    }
}
