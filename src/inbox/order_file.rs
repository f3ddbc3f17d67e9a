//! The order file beside a CSV: found, read, and told what is wrong with it.
//!
//! A small text of a sender's own, so nothing of it is believed: read with a limit, through no link, key by key.

use std::fmt;
use std::os::fd::BorrowedFd;

use devicedrop_core::limits::VALUE_CHARS;
use devicedrop_core::name::{is_blank, order_file_name};
use devicedrop_core::order::{JsonKind, OrderKey, OrderProblem};
use rustix::fs::FileType;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::desk::SideFile;
use super::drop_path::DropPath;
use super::pass::is_gone;
use super::side::read_up_to;
use crate::beneath::{look, look_at, open_file};

/// An order file holds two short texts; a larger one isn't one.
const LARGEST: u64 = 64 * 1024;

/// What an order file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OrderIds {
    /// The order ID.
    pub order_id: Option<String>,
    /// The purchase ID.
    pub purchase_id: Option<String>,
}

impl OrderIds {
    /// Reads the bytes of an order file.
    pub fn read(bytes: &[u8]) -> Result<Self, OrderProblem> {
        parse(bytes)
    }
}

/// An order file as it lies there.
pub(super) struct OrderFile {
    pub(super) side: SideFile,
    /// Its content, unless something keeps it from being read.
    content: Result<std::fs::File, OrderProblem>,
}

impl OrderFile {
    /// Looks for the order file of a CSV; none if nothing has its name.
    pub(super) fn of(folder: BorrowedFd<'_>, csv: &DropPath) -> Option<Self> {
        let name = order_file_name(csv.name());
        let looked = match look(folder, &name) {
            Ok(looked) => looked,
            Err(error) if is_gone(&error) => return None,
            Err(_) => return Some(Self::unreadable(csv, &name)),
        };
        let mut stamp = looked.stamp;
        let content = match looked.kind {
            FileType::Symlink => Err(OrderProblem::Link),
            FileType::RegularFile if looked.links != 1 => Err(OrderProblem::SecondLink),
            FileType::RegularFile => match open_file(folder, &name).and_then(|file| Ok((look_at(&file)?, file))) {
                Ok((opened, file)) if opened.kind == FileType::RegularFile && opened.links == 1 => {
                    stamp = opened.stamp;
                    Ok(file)
                }
                Ok(_) => Err(OrderProblem::NotAFile),
                Err(error) if is_gone(&error) => return None,
                Err(_) => Err(OrderProblem::Unreadable),
            },
            _ => Err(OrderProblem::NotAFile),
        };
        Some(Self { side: SideFile { path: csv.beside(&name), stamp }, content })
    }

    fn unreadable(csv: &DropPath, name: &[u8]) -> Self {
        let stamp =
            devicedrop_core::settle::Stamp { dev: 0, ino: 0, size: 0, mtime_ns: 0, ctime_ns: 0, born_ns: None };
        Self { side: SideFile { path: csv.beside(name), stamp }, content: Err(OrderProblem::Unreadable) }
    }

    /// Reads it.
    pub(super) fn read(self) -> Result<OrderIds, OrderProblem> {
        let size = self.side.stamp.size;
        self.content.and_then(|mut file| {
            if size > LARGEST {
                return Err(OrderProblem::TooLarge { bytes: size, limit: LARGEST });
            }
            let bytes = read_up_to(&mut file, LARGEST).map_err(|_| OrderProblem::Unreadable)?;
            parse(&bytes)
        })
    }
}

fn parse(bytes: &[u8]) -> Result<OrderIds, OrderProblem> {
    let text = text_of(bytes)?;
    if text.trim().is_empty() {
        return Err(OrderProblem::Empty);
    }
    let value: Json = serde_json::from_str(&text).map_err(|error| not_json(&text, &error))?;
    let members = match value {
        Json::Object(members) => members,
        other => return Err(OrderProblem::NotAnObject { found: other.kind() }),
    };
    let mut ids = OrderIds::default();
    let mut seen: Vec<OrderKey> = Vec::new();
    for (key, value) in members {
        let Some(key) = OrderKey::of(&key) else { return Err(OrderProblem::UnknownKey { key }) };
        if seen.contains(&key) {
            return Err(OrderProblem::KeyTwice { key });
        }
        seen.push(key);
        let id = match value {
            Json::Null => continue,
            Json::Text(text) => checked(key, text)?,
            other => return Err(OrderProblem::NotAText { key, found: other.kind() }),
        };
        match key {
            OrderKey::OrderId => ids.order_id = Some(id),
            OrderKey::PurchaseId => ids.purchase_id = Some(id),
        }
    }
    if ids == OrderIds::default() {
        return Err(OrderProblem::NothingSaid);
    }
    Ok(ids)
}

/// What to say of a text that isn't JSON. Word processors and phones make quotation marks typographic, and few people see
/// that.
fn not_json(text: &str, error: &serde_json::Error) -> OrderProblem {
    let counted = |number: usize| u64::try_from(number).unwrap_or(u64::MAX).max(1);
    let line = counted(error.line());
    match text.split('\n').nth(error.line().saturating_sub(1)).and_then(outside_of_texts) {
        Some((at, found)) => OrderProblem::TypographicQuote { line, column: counted(at + 1), found },
        None => OrderProblem::NotJson { line, column: counted(error.column()) },
    }
}

/// The first typographic quotation mark of a line that stands outside of straight ones: its place in characters, from 0.
fn outside_of_texts(line: &str) -> Option<(usize, char)> {
    let mut inside = false;
    let mut before = ' ';
    for (at, character) in line.chars().enumerate() {
        if character == '"' && before != '\\' {
            inside = !inside;
        }
        if !inside && matches!(character, '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2033}' | '\u{ff02}') {
            return Some((at, character));
        }
        before = character;
    }
    None
}

fn checked(key: OrderKey, text: String) -> Result<String, OrderProblem> {
    let chars = text.chars().count();
    if let Some(character) = text.chars().find(|character| character.is_control()) {
        return Err(OrderProblem::ControlCharacter { key, character });
    }
    if text.is_empty() {
        return Err(OrderProblem::EmptyValue { key });
    }
    if is_blank(text.as_bytes()) {
        return Err(OrderProblem::BlankValue { key });
    }
    if chars > VALUE_CHARS {
        return Err(OrderProblem::LongValue { key, chars: u64::try_from(chars).unwrap_or(u64::MAX) });
    }
    Ok(text)
}

/// The text of UTF-8, with or without a byte order mark, or of UTF-16 with one, which some shells write.
fn text_of(bytes: &[u8]) -> Result<String, OrderProblem> {
    let wide = |from: fn([u8; 2]) -> u16, rest: &[u8]| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| from(*pair)).collect();
        if odd.is_empty() { String::from_utf16(&units).ok() } else { None }
    };
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(u16::from_le_bytes, rest),
        [0xFE, 0xFF, rest @ ..] => wide(u16::from_be_bytes, rest),
        [0xEF, 0xBB, 0xBF, rest @ ..] => std::str::from_utf8(rest).ok().map(ToOwned::to_owned),
        all => std::str::from_utf8(all).ok().map(ToOwned::to_owned),
    };
    text.ok_or(OrderProblem::NotText)
}

/// A JSON value that forgets no key that stands there twice, and no more than is needed.
enum Json {
    Null,
    Boolean,
    Number,
    Text(String),
    List,
    Object(Vec<(String, Json)>),
}

impl Json {
    fn kind(&self) -> JsonKind {
        match self {
            Self::Null => JsonKind::Null,
            Self::Boolean => JsonKind::Boolean,
            Self::Number => JsonKind::Number,
            Self::Text(_) => JsonKind::Text,
            Self::List => JsonKind::List,
            Self::Object(_) => JsonKind::Object,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Boolean)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        while list.next_element::<Json>()?.is_some() {}
        Ok(Json::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = object.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(order_id: Option<&str>, purchase_id: Option<&str>) -> OrderIds {
        OrderIds { order_id: order_id.map(ToOwned::to_owned), purchase_id: purchase_id.map(ToOwned::to_owned) }
    }

    #[test]
    fn what_says_an_id_is_read() {
        assert_eq!(parse(br#"{"order_id": "O 1", "purchase_id": "P/1"}"#), Ok(ids(Some("O 1"), Some("P/1"))));
        assert_eq!(parse("\u{feff} {\"purchase_id\": \"\u{e9}\"}\r\n".as_bytes()), Ok(ids(None, Some("\u{e9}"))));
        assert_eq!(parse(br#"{"order_id": "1", "purchase_id": null}"#), Ok(ids(Some("1"), None)));
        let wide: Vec<u8> = "\u{feff}{\"order_id\":\"7\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(parse(&wide), Ok(ids(Some("7"), None)));
        let wide: Vec<u8> = "\u{feff}{\"order_id\":\"7\"}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(parse(&wide), Ok(ids(Some("7"), None)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let unknown = |key: &str| OrderProblem::UnknownKey { key: key.to_owned() };
        let not_a_text = |found| OrderProblem::NotAText { key: OrderKey::OrderId, found };
        let long = format!(r#"{{"order_id": "{}"}}"#, "x".repeat(1_025));
        let typographic = |line, column, found| OrderProblem::TypographicQuote { line, column, found };
        let cases: [(&[u8], OrderProblem); 23] = [
            (b"", OrderProblem::Empty),
            (b" \r\n", OrderProblem::Empty),
            (b"{", OrderProblem::NotJson { line: 1, column: 1 }),
            (b"{\n  \"order_id\": 'x'\n}", OrderProblem::NotJson { line: 2, column: 15 }),
            ("{\u{201c}order_id\u{201d}: \"1\"}".as_bytes(), typographic(1, 2, '\u{201c}')),
            (
                "{\"order_id\": \"\u{e9}\",\n \"purchase_id\": \u{201e}P\u{201c}}".as_bytes(),
                typographic(2, 17, '\u{201e}'),
            ),
            ("{\"order_id\": \"a \u{201c}b\u{201d}\" x}".as_bytes(), OrderProblem::NotJson { line: 1, column: 26 }),
            (b"{\"order_id\": \"1\"} more", OrderProblem::NotJson { line: 1, column: 19 }),
            (b"{\"order_id\": \"\xFF\"}", OrderProblem::NotText),
            (b"[]", OrderProblem::NotAnObject { found: JsonKind::List }),
            (b"\"4711\"", OrderProblem::NotAnObject { found: JsonKind::Text }),
            (br#"{"orderid": "1"}"#, unknown("orderid")),
            (br#"{"ORDER_ID": "1"}"#, unknown("ORDER_ID")),
            (br#"{"order_id": "1", "order_id": "2"}"#, OrderProblem::KeyTwice { key: OrderKey::OrderId }),
            (br#"{"order_id": 4711}"#, not_a_text(JsonKind::Number)),
            (br#"{"order_id": -1.5e3}"#, not_a_text(JsonKind::Number)),
            (br#"{"order_id": {"a": [1, true]}}"#, not_a_text(JsonKind::Object)),
            (br#"{"order_id": ""}"#, OrderProblem::EmptyValue { key: OrderKey::OrderId }),
            ("{\"order_id\": \" \u{a0}\"}".as_bytes(), OrderProblem::BlankValue { key: OrderKey::OrderId }),
            (
                b"{\"order_id\": \"a\\nb\"}",
                OrderProblem::ControlCharacter { key: OrderKey::OrderId, character: '\n' },
            ),
            (long.as_bytes(), OrderProblem::LongValue { key: OrderKey::OrderId, chars: 1_025 }),
            (b"{}", OrderProblem::NothingSaid),
            (br#"{"order_id": null}"#, OrderProblem::NothingSaid),
        ];
        for (text, problem) in cases {
            assert_eq!(parse(text), Err(problem), "{}", text.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_there_gets_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&bytes));
        }

        #[test]
        fn ids_come_back_as_they_were_written(order in "[^\\p{Cc}]{0,40}[^\\p{Cc}\\s]", purchase in "[^\\p{Cc}\\s][^\\p{Cc}]{0,40}") {
            let text = serde_json::json!({"order_id": order, "purchase_id": purchase}).to_string();
            prop_assert_eq!(parse(text.as_bytes()), Ok(ids(Some(&order), Some(&purchase))));
        }
    }
}
