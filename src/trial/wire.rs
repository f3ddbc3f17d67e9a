//! Requests and answers as plain values, so that nothing behind them knows how they came.
//!
//! What an answer says is made elsewhere; here is only how names, forms and times are written on the wire.

use devicedrop_core::time::Timestamp;
use serde_json::Value;

/// A request, whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// What the service calls it, where the client doesn't.
    pub(super) id: String,
    /// In capitals.
    pub(super) method: String,
    /// As it was sent, without the query.
    pub(super) path: String,
    /// Decoded, in the order sent.
    pub(super) query: Vec<(String, String)>,
    /// Names in small letters.
    pub(super) headers: Vec<(String, String)>,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The first header of this name, which is given in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The first parameter of this name; OData's names come with or without their `$`.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let same = |found: &str| found.eq_ignore_ascii_case(name);
        self.query.iter().find(|(found, _)| same(found)).map(|(_, value)| value.as_str())
    }

    /// The path's parts, decoded. Empty ones are left out: clients that put a base and a path together write two
    /// slashes, and the services let them.
    pub(super) fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|part| !part.is_empty()).map(|part| decoded(part, false)).collect()
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// An answer, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// Headers beside those of the body.
    pub(super) headers: Vec<(String, String)>,
    /// What the body is, if there is one.
    pub(super) content_type: Option<String>,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// An answer with a JSON body.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: Some("application/json; charset=utf-8".to_owned()),
            body: body.to_string().into_bytes(),
        }
    }

    /// An answer with a text that is no JSON.
    pub(super) fn text(status: u16, content_type: &str, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: Some(content_type.to_owned()),
            body: body.as_bytes().to_vec(),
        }
    }

    /// An answer without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), content_type: None, body: Vec::new() }
    }

    /// The same with one header more.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The value of a member, whatever the case of its name: Partner Center's clients send `BatchId` and `batchId`.
pub(super) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_object()?.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The text of a member; none where it is missing, null or empty.
pub(super) fn text_member(value: &Value, name: &str) -> Option<String> {
    member(value, name)?.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

/// A form (`application/x-www-form-urlencoded`) or a query, decoded.
pub(super) fn form(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name, true), decoded(value, true))
        })
        .collect()
}

/// Takes the `%` and, in forms, the `+` out of a text. What is no UTF-8 behind them is replaced.
fn decoded(text: &str, is_form: bool) -> String {
    let mut bytes = text.as_bytes().iter();
    let mut out = Vec::with_capacity(text.len());
    while let Some(&byte) = bytes.next() {
        match byte {
            b'+' if is_form => out.push(b' '),
            b'%' => {
                let rest = bytes.as_slice();
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    Some(byte) => {
                        out.push(byte);
                        bytes.nth(1);
                    }
                    None => out.push(b'%'),
                }
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Puts what can't stand in a path or a query of its own behind a `%`.
pub(super) fn encoded(text: &str) -> String {
    let one = |byte: u8| {
        let stays = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if stays { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}

/// A time as Partner Center writes it: whole seconds, no zone.
pub(super) fn without_zone(time: Timestamp) -> String {
    to_seconds(time)
}

/// A time as Graph writes it: whole seconds, UTC.
pub(super) fn with_zone(time: Timestamp) -> String {
    format!("{}Z", to_seconds(time))
}

/// A time as Entra's errors write it.
pub(super) fn with_blank(time: Timestamp) -> String {
    format!("{}Z", to_seconds(time).replace('T', " "))
}

fn to_seconds(time: Timestamp) -> String {
    let text = time.to_string();
    text.split('.').next().unwrap_or_default().to_owned()
}

/// A time as HTTP's headers write it.
pub(super) fn http_date(time: Timestamp) -> String {
    let since = std::time::Duration::from_millis(u64::try_from(time.unix_ms()).unwrap_or(0));
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_are_decoded() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            form("grant_type=a%3Ab&scope=x+y%20z&empty=&bare&%zz=%"),
            [
                pair("grant_type", "a:b"),
                pair("scope", "x y z"),
                pair("empty", ""),
                pair("bare", ""),
                pair("%zz", "%")
            ]
        );
    }

    #[test]
    fn two_slashes_count_as_one() {
        let request = Request { path: "/v1//customers/a%2Fb/".to_owned(), ..Request::default() };
        assert_eq!(request.segments(), ["v1", "customers", "a/b"]);
    }

    #[test]
    fn times_are_written_in_each_services_way() {
        let time = Timestamp::from_unix_ms(1_795_356_339_003);
        assert_eq!(without_zone(time), "2026-11-22T14:05:39");
        assert_eq!(with_zone(time), "2026-11-22T14:05:39Z");
        assert_eq!(with_blank(time), "2026-11-22 14:05:39Z");
        assert_eq!(http_date(time), "Sun, 22 Nov 2026 14:05:39 GMT");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_again(text in "\\PC*") {
            prop_assert_eq!(decoded(&encoded(&text), true), text);
        }

        #[test]
        fn no_form_makes_it_stumble(text in "\\PC*") {
            form(&text);
        }
    }
}
