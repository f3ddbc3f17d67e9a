//! The file as text: where each key stands, which keys nobody knows, and what is wrong in words.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::raw::{Raw, known_keys};

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line of the file, where it is about one.
    pub line: Option<usize>,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// A parsed file that remembers where everything stands.
#[derive(Debug, Default)]
pub(super) struct Document {
    text: String,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    path: Vec<String>,
    key: Range<usize>,
    value: Range<usize>,
    /// What stands there, where it isn't a table.
    kind: Option<&'static str>,
}

impl Document {
    /// Reads the file's text: its values, and the places of its keys.
    pub(super) fn parse(text: &str) -> Result<(Self, Raw), Vec<Problem>> {
        let mut document = Self { text: text.to_owned(), places: Vec::new() };
        let root = DeTable::parse(text).map_err(|error| vec![document.syntax(&error)])?;
        document.places = collect_places(root.get_ref());
        let mut problems = document.unknown_keys();
        problems.extend(document.missing_tables());
        if !problems.is_empty() {
            return Err(problems);
        }
        let raw = toml::from_str(text).map_err(|error| vec![document.wrong_type(&error)])?;
        Ok((document, raw))
    }

    /// Whether this key stands in the file.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        self.places.iter().any(|place| place.path == path)
    }

    /// A problem with the value of this key.
    pub(super) fn problem(&self, path: &[&str], what: impl fmt::Display) -> Problem {
        let place = self.places.iter().find(|place| place.path == path);
        Problem {
            line: place.map(|place| self.line_of(place.key.start)),
            what: format!("{}: {what}", shown_path(path)),
        }
    }

    fn syntax(&self, error: &toml::de::Error) -> Problem {
        let line = error.span().map(|span| self.line_of(span.start));
        Problem { line, what: format!("this is not TOML: {}", error.message().replace('\n', "; ")) }
    }

    fn wrong_type(&self, error: &toml::de::Error) -> Problem {
        let what = in_plain_words(error.message());
        let Some(span) = error.span() else { return Problem { line: None, what } };
        let covers = |place: &&Place| place.key.start <= span.start && span.end <= place.value.end.max(place.key.end);
        let nearest = self.places.iter().filter(covers).max_by_key(|place| place.path.len());
        let what = nearest.map_or(what.clone(), |place| {
            let path: Vec<&str> = place.path.iter().map(String::as_str).collect();
            format!("{}: {what}", shown_path(&path))
        });
        Problem { line: Some(self.line_of(span.start)), what }
    }

    fn unknown_keys(&self) -> Vec<Problem> {
        let check = |place: &Place| {
            let path: Vec<&str> = place.path.iter().map(String::as_str).collect();
            let (key, table) = path.split_last()?;
            let known = known_keys(table).filter(|known| !known.contains(key))?;
            let near = match nearest(key, known.iter().copied()) {
                Some(near) => {
                    let mut right = table.to_vec();
                    right.push(near);
                    format!("the nearest that is: {}", shown_path(&right))
                }
                None => format!("those of this table: {}", known.join(", ")),
            };
            let what = format!("{} is not a key; {near}", shown_path(&path));
            Some(Problem { line: Some(self.line_of(place.key.start)), what })
        };
        self.places.iter().filter_map(check).collect()
    }

    /// Places of tables where something else stands. Asked here since serde takes a list for a table, too.
    fn missing_tables(&self) -> Vec<Problem> {
        let check = |place: &Place| {
            let path: Vec<&str> = place.path.iter().map(String::as_str).collect();
            let kind = place.kind.filter(|_| known_keys(&path).is_some())?;
            let expected = if path.get(2) == Some(&"credentials") && path.len() > 3 {
                "the place of a secret, such as { file = \"/etc/devicedrop/app.secret\" }: no secret stands in here"
            } else {
                "a table"
            };
            Some(self.problem(&path, format_args!("found {}, expected {expected}", with_article(kind))))
        };
        self.places.iter().filter_map(check).collect()
    }

    fn line_of(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }
}

/// The known word that looks most like this one, if any does.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Words of two kinds of slips: letters swapped or missing (distance), and a word that goes on (prefix).
    known
        .map(|candidate| (strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate)
}

/// A key with its tables, as one would write it: `customers."A B".folder`.
fn shown_path(path: &[&str]) -> String {
    let bare = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    let parts: Vec<String> =
        path.iter().map(|part| if bare(part) { (*part).to_owned() } else { format!("{part:?}") }).collect();
    format!("`{}`", parts.join("."))
}

fn collect_places(root: &DeTable<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    // An explicit stack: how deep a file nests its tables is the file's choice.
    let mut tables = vec![(Vec::new(), root)];
    while let Some((path, table)) = tables.pop() {
        for (key, value) in table {
            let mut here: Vec<String> = path.clone();
            here.push(key.get_ref().to_string());
            if let DeValue::Table(inner) = value.get_ref() {
                tables.push((here.clone(), inner));
            }
            let kind = (!value.get_ref().is_table()).then(|| value.get_ref().type_str());
            places.push(Place { path: here, key: key.span(), value: value.span(), kind });
        }
    }
    places.sort_by_key(|place| place.key.start);
    places
}

fn with_article(kind: &str) -> String {
    match kind {
        "string" => "a text".to_owned(),
        "array" => "a list".to_owned(),
        "integer" => "a number".to_owned(),
        other => format!("a {other}"),
    }
}

/// Turns serde's wording into ours.
fn in_plain_words(message: &str) -> String {
    let words = [
        ("invalid type: ", "found "),
        ("invalid value: ", "found "),
        ("unknown variant ", "found "),
        ("invalid length ", "found the length "),
        ("found string ", "found "),
        ("found map", "found a table"),
        ("found sequence", "found a list"),
        ("found integer ", "found the number "),
        ("found floating point ", "found the number "),
        ("found boolean ", "found "),
        ("expected a string", "expected a text in quotes"),
        ("expected path string", "expected a path in quotes"),
        ("expected a boolean", "expected true or false"),
        ("expected a sequence", "expected a list in square brackets"),
        ("expected a map", "expected a table"),
    ];
    words.iter().fold(message.trim_end().to_owned(), |text, (serdes, ours)| text.replace(serdes, ours))
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn problems(text: &str) -> String {
        match Document::parse(text) {
            Ok(_) => "no problem".to_owned(),
            Err(problems) => problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    #[test]
    fn unknown_keys_are_named_with_line_and_nearest_at_any_depth() {
        let text = "lokale = 'nl'\n[drop]\nsetle = '1s'\n[registrar.retry]\nfirst = '1s'\nxyz = 1\n\
                    [customers.\"A B\"]\nfoldr = 'x'\ncolums = { a = 'b' }\n[registar]\nkind = 'embedded'\n";
        assert_snapshot!(problems(text), @r#"
        line 1: `lokale` is not a key; the nearest that is: `locale`
        line 3: `drop.setle` is not a key; the nearest that is: `drop.settle`
        line 6: `registrar.retry.xyz` is not a key; those of this table: first, longest, give_up_after
        line 8: `customers."A B".foldr` is not a key; the nearest that is: `customers."A B".folder`
        line 9: `customers."A B".colums` is not a key; the nearest that is: `customers."A B".columns`
        line 10: `registar` is not a key; the nearest that is: `registrar`
        "#);
    }

    #[test]
    fn types_are_named_with_line_key_and_expectation() {
        let files = [
            "[drop]\nrescan = 10",
            "[drop]\nrescan = '10 parsecs'",
            "[drop]\nmax_file_size = '1 gig'",
            "[drop]\nmax_rows = 0",
            "[drop]\nmax_rows = 1.5",
            "[drop]\nignore_folders = 'old'",
            "[drop]\n\nignore_folders = ['old', 5]",
            "[ledger]\nkeep_originals = 'yes'",
            "[ledger]\npath = 1",
            "[results]\nmode = 664",
            "[results]\nwhen = 'never'",
            "[registrar]\nkind = 'intune'",
            "locale = 'de'",
            "drop = 1",
            "[[drop]]\nroot = '/x'",
            "[customers]\ncontoso = 'x'",
            "customers = { contoso = { paused = 1 } }",
            "[customers.contoso.columns]\nModel = ['a']",
        ];
        assert_snapshot!(files.map(problems).join("\n"), @r#"
        line 2: `drop.rescan`: found the number `10`, expected a duration such as "500ms", "1s", "15m", "24h" or "7d"
        line 2: `drop.rescan`: found "10 parsecs", expected a duration such as "500ms", "1s", "15m", "24h" or "7d"
        line 2: `drop.max_file_size`: found "1 gig", expected a size such as "512MiB" or "1GiB", or a number of bytes
        line 2: `drop.max_rows`: found the number `0`, expected a whole number from 1 up
        line 2: `drop.max_rows`: found the number `1.5`, expected a whole number from 1 up
        line 2: `drop.ignore_folders`: found "old", expected a list in square brackets
        line 3: `drop.ignore_folders`: found the number `5`, expected a text in quotes
        line 2: `ledger.keep_originals`: found "yes", expected true or false
        line 2: `ledger.path`: found the number `1`, expected a path in quotes
        line 2: `results.mode`: found the number `664`, expected permissions in quotes that let their owner read and write, such as "0664"
        line 2: `results.when`: found `never`, expected `always` or `final`
        line 2: `registrar.kind`: found `intune`, expected one of `embedded`, `partner-center`, `graph`
        line 1: `locale`: found `de`, expected one of `en`, `nl`, `code`
        line 1: `drop`: found a number, expected a table
        line 1: `drop`: found a list, expected a table
        line 2: `customers.contoso`: found a text, expected a table
        line 1: `customers.contoso.paused`: found the number `1`, expected true or false
        line 2: `customers.contoso.columns.Model`: found a list, expected a text in quotes
        "#);
    }

    #[test]
    fn what_is_not_toml_is_named_with_its_line() {
        let files = ["locale = 'en'\n[drop\nroot = 1", "support = no quotes", "locale = 'en'\nlocale = 'nl'"];
        assert_snapshot!(files.map(problems).join("\n"), @r"
        line 2: this is not TOML: unclosed table, expected `]`
        line 1: this is not TOML: string values must be quoted, expected literal string
        line 2: this is not TOML: duplicate key
        ");
    }
}
