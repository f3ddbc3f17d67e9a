//! Queries: `$filter`, `$orderby`, `$select`, `$top` and pages, as far as these lists have them
//! (<https://learn.microsoft.com/graph/query-parameters>).
//!
//! What a list doesn't support is refused, as there: a client that was tried here must not fail there.

use std::cmp::Ordering;
use std::str::FromStr;

use devicedrop_core::time::Timestamp;
use serde_json::{Map, Value, json};

use super::super::wire::{Request, encoded};

/// What can be asked of a list.
pub(super) struct Queryable {
    /// Where it is, behind the version.
    pub(super) path: &'static str,
    /// Properties that can be compared with a value.
    pub(super) compared: &'static [&'static str],
    /// Properties that can be looked into with `contains` and `startswith`.
    pub(super) contained: &'static [&'static str],
    /// Properties that the list can be ordered by.
    pub(super) ordered: &'static [&'static str],
}

/// A page of the list, with the link to the next; or why the query can't be answered.
pub(super) fn list(
    request: &Request,
    kind: &Queryable,
    mut items: Vec<Value>,
    page: usize,
    base_url: &str,
) -> Result<Value, String> {
    for (name, _) in &request.query {
        let known = ["$filter", "$orderby", "$select", "$top", "$skiptoken"];
        if name.starts_with('$') && !known.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("the query option {name} is not supported"));
        }
    }
    if let Some(filter) = request.parameter("$filter") {
        let filter = Filter::parse(filter, kind)?;
        items.retain(|item| filter.holds(item));
    }
    if let Some(order) = request.parameter("$orderby") {
        let (property, falling) = order_of(order, kind)?;
        items.sort_by(|a, b| {
            let order = compared(a.get(property), b.get(property));
            if falling { order.reverse() } else { order }
        });
    }
    let number = |name: &str| {
        request.parameter(name).map(|text| text.parse::<usize>().map_err(|_| format!("{name} is no number")))
    };
    let top = number("$top").transpose()?;
    let skip = number("$skiptoken").transpose()?.unwrap_or(0);
    let size = top.unwrap_or(page).clamp(1, page);
    let is_more = items.len() > skip.saturating_add(size);
    let mut items: Vec<Value> = items.into_iter().skip(skip).take(size).collect();
    if let Some(select) = request.parameter("$select") {
        for item in &mut items {
            *item = selected(item, select);
        }
    }
    let mut body = json!({ "@odata.context": format!("{base_url}/v1.0/$metadata#{}", kind.path), "value": items });
    if let (true, Some(members)) = (is_more, body.as_object_mut()) {
        let next = next_link(request, kind, base_url, skip.saturating_add(size));
        members.insert("@odata.nextLink".to_owned(), next.into());
    }
    Ok(body)
}

fn next_link(request: &Request, kind: &Queryable, base_url: &str, skip: usize) -> String {
    let mut query: Vec<String> = request
        .query
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken"))
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    query.push(format!("$skiptoken={skip}"));
    format!("{base_url}/v1.0/{}?{}", kind.path, query.join("&"))
}

fn selected(item: &Value, select: &str) -> Value {
    let names: Vec<&str> = select.split(',').map(str::trim).collect();
    let kept: Map<String, Value> = item
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(kept)
}

fn order_of<'a>(order: &'a str, kind: &Queryable) -> Result<(&'static str, bool), String> {
    let mut words = order.split_whitespace();
    let name: &'a str = words.next().unwrap_or_default();
    let property = find(kind.ordered, name).ok_or_else(|| format!("the list can't be ordered by {name}"))?;
    match words.next().map(str::to_ascii_lowercase).as_deref() {
        None | Some("asc") => Ok((property, false)),
        Some("desc") => Ok((property, true)),
        Some(other) => Err(format!("{other} is no order")),
    }
}

fn find(properties: &'static [&'static str], name: &str) -> Option<&'static str> {
    properties.iter().copied().find(|property| *property == name)
}

fn compared(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_lowercase();
    text(a).cmp(&text(b))
}

/// A filter: alternatives of terms that hold together. Brackets aren't read.
#[derive(Debug)]
struct Filter(Vec<Vec<Term>>);

#[derive(Debug)]
struct Term {
    property: &'static str,
    test: Test,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    StartsWith,
}

impl Filter {
    fn parse(text: &str, kind: &Queryable) -> Result<Self, String> {
        let mut words = Words(text);
        let mut alternatives = vec![Vec::new()];
        loop {
            let term = Term::parse(&mut words, kind)?;
            if let Some(last) = alternatives.last_mut() {
                last.push(term);
            }
            match words.next()?.as_deref() {
                None => return Ok(Self(alternatives)),
                Some("and") => {}
                Some("or") => alternatives.push(Vec::new()),
                Some(other) => return Err(format!("`and` or `or` is expected at {other}")),
            }
        }
    }

    fn holds(&self, item: &Value) -> bool {
        self.0.iter().any(|terms| terms.iter().all(|term| term.holds(item)))
    }
}

impl Term {
    fn parse(words: &mut Words<'_>, kind: &Queryable) -> Result<Self, String> {
        let first = words.expect("a property or a function")?;
        let function = match first.as_str() {
            "contains" => Some(Test::Contains),
            "startswith" => Some(Test::StartsWith),
            _ => None,
        };
        if let Some(test) = function {
            words.literal("(")?;
            let name = words.expect("a property")?;
            words.literal(",")?;
            let value = words.expect("a value")?;
            words.literal(")")?;
            let property =
                find(kind.contained, &name).ok_or_else(|| format!("the property {name} can't be looked into"))?;
            return Ok(Self { property, test, value });
        }
        let property =
            find(kind.compared, &first).ok_or_else(|| format!("the property {first} can't be compared"))?;
        let test = match words.expect("an operator")?.as_str() {
            "eq" => Test::Equal,
            "ne" => Test::Unequal,
            "lt" => Test::Less,
            "le" => Test::LessOrEqual,
            "gt" => Test::Greater,
            "ge" => Test::GreaterOrEqual,
            other => return Err(format!("the operator {other} is not supported")),
        };
        let value = words.expect("a value")?;
        if property.ends_with("DateTime") && Timestamp::from_str(&value).is_err() {
            return Err(format!("{value} is no time"));
        }
        Ok(Self { property, test, value })
    }

    fn holds(&self, item: &Value) -> bool {
        let found = item.get(self.property).and_then(Value::as_str).unwrap_or_default();
        let order = match (Timestamp::from_str(found), Timestamp::from_str(&self.value)) {
            (Ok(found), Ok(value)) if self.property.ends_with("DateTime") => found.cmp(&value),
            // Texts are compared without regard to case, as everywhere in Graph.
            _ => found.to_lowercase().cmp(&self.value.to_lowercase()),
        };
        let (found, value) = (found.to_lowercase(), self.value.to_lowercase());
        match self.test {
            Test::Equal => order.is_eq(),
            Test::Unequal => order.is_ne(),
            Test::Less => order.is_lt(),
            Test::LessOrEqual => order.is_le(),
            Test::Greater => order.is_gt(),
            Test::GreaterOrEqual => order.is_ge(),
            Test::Contains => found.contains(&value),
            Test::StartsWith => found.starts_with(&value),
        }
    }
}

/// The words of a filter: names, values, brackets and commas.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn next(&mut self) -> Result<Option<String>, String> {
        let rest = self.0.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(None) };
        if first == '\'' {
            return self.quoted(rest).map(Some);
        }
        let length = match first {
            '(' | ')' | ',' => 1,
            _ => rest.find(|c: char| c.is_whitespace() || "(),'".contains(c)).unwrap_or(rest.len()),
        };
        let (word, rest) = rest.split_at_checked(length).unwrap_or((rest, ""));
        self.0 = rest;
        Ok(Some(word.to_owned()))
    }

    /// A text between quotes; two quotes in it stand for one.
    fn quoted(&mut self, rest: &str) -> Result<String, String> {
        let mut text = String::new();
        let mut chars = rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            if c != '\'' {
                text.push(c);
            } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
                text.push('\'');
            } else {
                let behind = self.0.len() - rest.len() + at + 1;
                self.0 = self.0.get(behind..).unwrap_or_default();
                return Ok(text);
            }
        }
        Err("a quote isn't closed".to_owned())
    }

    fn expect(&mut self, what: &str) -> Result<String, String> {
        self.next()?.ok_or_else(|| format!("{what} is missing at the end"))
    }

    fn literal(&mut self, wanted: &str) -> Result<(), String> {
        let found = self.expect(wanted)?;
        if found == wanted { Ok(()) } else { Err(format!("{wanted} is expected at {found}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIND: Queryable = Queryable {
        path: "deviceManagement/managedDevices",
        compared: &["serialNumber", "lastSyncDateTime"],
        contained: &["serialNumber"],
        ordered: &["serialNumber"],
    };

    fn ask(query: &[(&str, &str)]) -> Result<Value, String> {
        let items = [("O'1", "2026-11-01T00:00:00Z"), ("a2", "2026-11-02T00:00:00Z"), ("b3", "2026-11-03T00:00:00Z")]
            .map(|(serial, at)| json!({ "serialNumber": serial, "lastSyncDateTime": at, "model": "m" }));
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        list(&Request { query, ..Request::default() }, &KIND, items.to_vec(), 2, "http://t")
    }

    fn serials(filter: &str) -> Vec<String> {
        let body = ask(&[("$filter", filter)]).expect(filter);
        let items = body["value"].as_array().expect("a list").clone();
        items.iter().map(|item| item["serialNumber"].as_str().expect("a text").to_owned()).collect()
    }

    #[test]
    fn filters_pick() {
        assert_eq!(serials("serialNumber eq 'A2'"), ["a2"]);
        assert_eq!(serials("contains(serialNumber, '''')"), ["O'1"]);
        assert_eq!(serials("lastSyncDateTime ge 2026-11-02T00:00:00.0000000Z"), ["a2", "b3"]);
        assert_eq!(serials("lastSyncDateTime ge 2026-11-02T00:00:00Z and serialNumber ne 'a2'"), ["b3"]);
        assert_eq!(serials("serialNumber eq 'b3' or startswith(serialNumber,'a')"), ["a2", "b3"]);
    }

    #[test]
    fn what_a_list_does_not_support_is_refused() {
        for query in [
            ("$filter", "model eq 'm'"),
            ("$filter", "contains(lastSyncDateTime,'2')"),
            ("$filter", "serialNumber eq 'a"),
            ("$filter", "serialNumber has 'a'"),
            ("$filter", "serialNumber eq"),
            ("$filter", "serialNumber eq 'a' serialNumber eq 'b'"),
            ("$filter", "lastSyncDateTime ge yesterday"),
            ("$filter", ""),
            ("$orderby", "model"),
            ("$top", "many"),
            ("$search", "x"),
        ] {
            assert!(ask(&[query]).is_err(), "{query:?}");
        }
    }

    #[test]
    fn pages_follow_each_other() {
        let first = ask(&[("$select", "serialNumber"), ("$orderby", "serialNumber desc")]).expect("a page");
        assert_eq!(first["value"], json!([{ "serialNumber": "O'1" }, { "serialNumber": "b3" }]));
        assert_eq!(
            first["@odata.nextLink"],
            "http://t/v1.0/deviceManagement/managedDevices?$select=serialNumber&$orderby=serialNumber%20desc&$skiptoken=2"
        );
        let rest = ask(&[("$orderby", "serialNumber desc"), ("$skiptoken", "2")]).expect("a page");
        assert_eq!(rest["value"][0]["serialNumber"], "a2");
        assert_eq!(rest.get("@odata.nextLink"), None);
    }

    proptest! {
        #[test]
        fn no_filter_makes_it_stumble(filter in "[a-zA-Z(),' é]{0,40}") {
            drop(ask(&[("$filter", &filter)]));
        }
    }
}
