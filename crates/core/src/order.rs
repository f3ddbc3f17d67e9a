//! What can be wrong with an order file, as data. The words for it are in `message`; who reads such files, in the
//! inbox.

/// An order file that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BadOrderFile {
    /// The name that it has, or would have.
    pub name: String,
    /// What is wrong with it.
    pub problem: OrderProblem,
    /// Whether its CSV goes without one.
    pub can_be_left_out: bool,
}

/// Why an order file can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OrderProblem {
    /// Nothing stands in it.
    Empty,
    /// It isn't JSON from this place on.
    NotJson {
        /// The line, the first being 1.
        line: u64,
        /// The column, the first being 1.
        column: u64,
    },
    /// From this place on it isn't JSON, since a quotation mark there is a typographic one.
    TypographicQuote {
        /// The line, the first being 1.
        line: u64,
        /// The character of it, the first being 1.
        column: u64,
        /// The mark.
        found: char,
    },
    /// It is neither UTF-8 nor UTF-16.
    NotText,
    /// It is JSON, but no object.
    NotAnObject {
        /// What it is.
        found: JsonKind,
    },
    /// It has a key that means nothing.
    UnknownKey {
        /// The key.
        key: String,
    },
    /// It has a key twice.
    KeyTwice {
        /// The key.
        key: OrderKey,
    },
    /// A value isn't a text.
    NotAText {
        /// Whose.
        key: OrderKey,
        /// What it is.
        found: JsonKind,
    },
    /// A value is the empty text.
    EmptyValue {
        /// Whose.
        key: OrderKey,
    },
    /// A value holds nothing but blanks.
    BlankValue {
        /// Whose.
        key: OrderKey,
    },
    /// A value is over the limit.
    LongValue {
        /// Whose.
        key: OrderKey,
        /// Its characters.
        chars: u64,
    },
    /// A value holds a control character.
    ControlCharacter {
        /// Whose.
        key: OrderKey,
        /// The character.
        character: char,
    },
    /// It names no ID.
    NothingSaid,
    /// It is larger than any order file.
    TooLarge {
        /// Its bytes.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Something else than a regular file has its name.
    NotAFile,
    /// It is a link.
    Link,
    /// It has a second name somewhere (a hard link).
    SecondLink,
    /// We may not open it.
    Unreadable,
    /// Its name is nearly an order file's: but for capitals, blanks, or an ending more.
    OtherName {
        /// The name that it has.
        name: String,
    },
}

/// A key of an order file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderKey {
    /// `order_id`
    OrderId,
    /// `purchase_id`
    PurchaseId,
}

impl OrderKey {
    /// The key as it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::OrderId => "order_id",
            Self::PurchaseId => "purchase_id",
        }
    }

    /// The key that is written like this.
    pub fn of(text: &str) -> Option<Self> {
        [Self::OrderId, Self::PurchaseId].into_iter().find(|key| key.text() == text)
    }
}

/// A kind of JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JsonKind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number.
    Number,
    /// A text in quotes.
    Text,
    /// A list in brackets.
    List,
    /// An object in braces.
    Object,
}
