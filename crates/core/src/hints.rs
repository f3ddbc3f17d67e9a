//! Guesses what happened to headings that differ, so that the answer can say what to do.

use crate::dialect::Delimiter;
use crate::headings::quoted;
use crate::problem::HeadingHint;
use crate::shown::is_deceptive;
use crate::slips;

/// Characters that programs put between cells, other than the three that are accepted.
const OTHER_DELIMITERS: [char; 9] = ['|', ':', '^', '~', '*', '/', '\\', '#', '\u{1F}'];

/// What a customer's headings may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Those of each allowed format.
    pub(crate) expected: &'a [Vec<String>],
    /// Whether their order is free and others may stand among them.
    pub(crate) free: bool,
    /// Those of columns that may be there too, where others may stand: ours, and the customer's.
    pub(crate) optional: &'a [(&'a str, &'a str)],
}

/// Guesses. `found` are the headings without blanks around them.
pub(crate) fn hint(found: &[&str], wanted: Wanted<'_>) -> HeadingHint {
    let Wanted { expected, free, .. } = wanted;
    let first = found.first().copied().unwrap_or_default();
    if first.starts_with("#TYPE") {
        return HeadingHint::TypeLine;
    }
    if let ([_], Some(delimiter)) = (found, other_delimiter(first, expected)) {
        return HeadingHint::Delimiter(delimiter);
    }
    if let ([_], true) = (found, [',', ';', '\t'].into_iter().any(|delimiter| makes_two(first, delimiter, expected)))
    {
        return HeadingHint::OneCell;
    }
    if let ([_], true) = (found, slips::only_blanks_between(first, expected)) {
        return HeadingHint::OnlyBlanks;
    }
    if slips::any_formula(found, expected) {
        return HeadingHint::Formulas;
    }
    if let Some(hint) = slips::of_delimiters(found, expected) {
        return hint;
    }
    if let Some((heading, character)) = invisible(found, expected) {
        return HeadingHint::Invisible { heading: quoted(&[heading]).concat(), character };
    }
    if let Some(heading) = twice(found, expected) {
        return HeadingHint::Twice(quoted(&[heading]).concat());
    }
    if let Some(hint) = expected.iter().find_map(|headings| rewritten(found, headings, free)) {
        return hint;
    }
    if let (true, Some(hint)) = (free, slips::renamed(found, wanted)) {
        return hint;
    }
    let plain: Vec<String> = found.iter().map(|name| plain(name)).collect();
    let has = |name: &str| plain.iter().any(|found| found == name);
    if has("manufacturername") && has("devicemodel") {
        return HeadingHint::PartnerCenter;
    }
    if has("deviceserialnumber") && (has("hardwarehash") || has("windowsproductid")) {
        return HeadingHint::Intune;
    }
    if let Some(extra) = extra(found, expected).filter(|extra| extra.iter().all(|name| !name.is_empty())) {
        return HeadingHint::Extra(quoted(extra));
    }
    // Among a customer's own headings any others may stand, in any order.
    let words = || slips::other_words(found, expected).or_else(|| slips::renamed(found, wanted));
    let strictly = || slips::too_many(found, expected).or_else(words);
    if let (false, Some(hint)) = (free, strictly()) {
        return hint;
    }
    incomplete(found, &plain, expected)
}

/// Headings in one cell because the line `sep=` named another delimiter than theirs.
pub(crate) fn sep_line(found: &[&str], expected: &[Vec<String>], named: Delimiter) -> Option<HeadingHint> {
    let [cell] = found else { return None };
    let mut others = Delimiter::ALL.into_iter().filter(|other| *other != named);
    let used = others.find(|other| makes_two(cell, char::from(other.byte()), expected))?;
    Some(HeadingHint::SepLine { named, used })
}

/// The delimiter that would make at least two of the headings of one cell.
fn other_delimiter(cell: &str, expected: &[Vec<String>]) -> Option<char> {
    OTHER_DELIMITERS.into_iter().find(|delimiter| makes_two(cell, *delimiter, expected))
}

fn makes_two(cell: &str, delimiter: char, expected: &[Vec<String>]) -> bool {
    let bare = |name: &str| name.trim().trim_matches('"').to_owned();
    let known = |name: &str| expected.iter().flatten().any(|heading| same_plain(heading, &bare(name)));
    cell.split(delimiter).filter(|name| known(name)).count() >= 2
}

/// One of our headings with a character in it that can't be seen, or can't be told from a blank.
fn invisible<'a>(found: &[&str], expected: &'a [Vec<String>]) -> Option<(&'a str, char)> {
    let seen = |name: &str| {
        let seen = |character: char| match character {
            _ if !is_deceptive(character) => Some(character),
            _ if character.is_whitespace() => Some(' '),
            _ => None,
        };
        name.chars().filter_map(seen).collect::<String>().trim().trim_matches('"').to_owned()
    };
    found.iter().find_map(|name| {
        let character = name.chars().find(|character| is_deceptive(*character))?;
        let seen = seen(name);
        let heading = expected.iter().flatten().find(|heading| **heading == seen)?;
        Some((heading.as_str(), character))
    })
}

/// One of our headings that stands twice.
fn twice<'a>(found: &[&'a str], expected: &[Vec<String>]) -> Option<&'a str> {
    let ours = |name: &str| expected.iter().flatten().any(|heading| heading == name);
    found
        .iter()
        .enumerate()
        .find(|(index, name)| ours(name) && found.iter().skip(index + 1).any(|other| other == *name))
        .map(|(_, name)| *name)
}

/// All of a format's headings, but written otherwise or in another order.
fn rewritten(found: &[&str], headings: &[String], free: bool) -> Option<HeadingHint> {
    let in_order = |same: fn(&str, &str) -> bool| {
        found.len() == headings.len() && found.iter().zip(headings).all(|(name, heading)| same(name, heading))
    };
    let in_any_order = |same: fn(&str, &str) -> bool| {
        (free || found.len() == headings.len())
            && headings.iter().all(|heading| found.iter().any(|name| same(name, heading)))
    };
    if free {
        return match () {
            () if in_any_order(same_capitals_aside) => Some(HeadingHint::Capitals),
            () if in_any_order(same_plain) => Some(HeadingHint::Renamed),
            () => None,
        };
    }
    match () {
        () if in_order(same_capitals_aside) => Some(HeadingHint::Capitals),
        () if in_order(same_plain) => Some(HeadingHint::Renamed),
        () if in_any_order(same_plain) => Some(HeadingHint::Order),
        () => None,
    }
}

/// What stands behind the longest of the expected lists, if the headings begin with one.
fn extra<'a, 'b>(found: &'a [&'b str], expected: &[Vec<String>]) -> Option<&'a [&'b str]> {
    let behind = |headings: &Vec<String>| {
        let (start, rest) = found.split_at_checked(headings.len())?;
        start.iter().eq(headings.iter()).then_some(rest)
    };
    expected.iter().filter_map(behind).filter(|rest| !rest.is_empty()).min_by_key(|rest| rest.len())
}

/// Some of ours are there; or none, and then the line may be data.
fn incomplete(found: &[&str], plain: &[String], expected: &[Vec<String>]) -> HeadingHint {
    let missing_of = |headings: &Vec<String>| -> Vec<String> {
        headings.iter().filter(|heading| !found.contains(&heading.as_str())).cloned().collect()
    };
    // The format that most is there of, the shorter one first.
    let nearest =
        expected.iter().map(|headings| (headings, missing_of(headings))).min_by_key(|(_, missing)| missing.len());
    let Some((headings, missing)) = nearest else { return HeadingHint::Unknown };
    if missing.len() < headings.len() && !missing.is_empty() {
        return HeadingHint::Incomplete(quoted(&missing));
    }
    let any_known = expected.iter().flatten().any(|heading| plain.contains(&self::plain(heading)));
    let digits = |name: &&str| name.bytes().any(|byte| byte.is_ascii_digit());
    if !any_known && found.len() >= headings.len() && found.iter().any(digits) {
        return HeadingHint::Missing;
    }
    HeadingHint::Unknown
}

/// A heading without capitals, blanks, underscores, hyphens and quotes of any kind.
pub(crate) fn plain(name: &str) -> String {
    let quote = |character: char| matches!(character, '"' | '\'' | '`' | '‘'..='‟' | '«' | '»' | '‹' | '›');
    let kept = |character: &char| !character.is_whitespace() && !matches!(character, '_' | '-') && !quote(*character);
    name.chars().filter(kept).flat_map(char::to_lowercase).collect()
}

pub(crate) fn same_plain(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn same_capitals_aside(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(line: &str) -> HeadingHint {
        let expected = ["Manufacturer,Model,Serial Number", "Manufacturer,Model,Serial Number,Hardware Hash"];
        guess(line, &expected, false)
    }

    fn guess(line: &str, expected: &[&str], free: bool) -> HeadingHint {
        let lists: Vec<Vec<String>> =
            expected.iter().map(|list| list.split(',').map(str::to_owned).collect()).collect();
        let optional: &[_] = if free { &[("Order ID", "Bestellung"), ("Purchase ID", "Purchase ID")] } else { &[] };
        hint(&line.split(',').map(str::trim).collect::<Vec<_>>(), Wanted { expected: &lists, free, optional })
    }

    #[test]
    fn each_mistake_is_recognized() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (line, wanted) in [
            ("Dell Inc.,Latitude 5540,8CD1X2Z", HeadingHint::Missing),
            ("manufacturer,MODEL,serial number", HeadingHint::Capitals),
            ("manufacturer,model,serial number,hardware hash", HeadingHint::Capitals),
            ("Serial Number,Manufacturer,Model", HeadingHint::Order),
            ("Serial_Number,Manufacturer,Model", HeadingHint::Order),
            ("Manufacturer,Model,Serial_Number,HardwareHash", HeadingHint::Renamed),
            ("Manufacturer,Model,serial-number", HeadingHint::Renamed),
            ("“Manufacturer”,“Model”,“Serial Number”", HeadingHint::Renamed),
            ("Device Serial Number,Windows Product ID,Hardware Hash", HeadingHint::Intune),
            ("Device Serial Number,Windows Product ID,Hardware Hash,Group Tag,Assigned User", HeadingHint::Intune),
            (
                "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model",
                HeadingHint::PartnerCenter,
            ),
            ("Manufacturer,Model,Serial Number,Order ID,Note", HeadingHint::Extra(names(&["Order ID", "Note"]))),
            ("Manufacturer,Model,Serial Number,Hardware Hash,Group Tag", HeadingHint::Extra(names(&["Group Tag"]))),
            ("Manufacturer,Serial Number", HeadingHint::Incomplete(names(&["Model"]))),
            ("Model", HeadingHint::Incomplete(names(&["Manufacturer", "Serial Number"]))),
            ("Manufacturer,Model,Model,Serial Number", HeadingHint::Twice("Model".to_owned())),
            ("#TYPE System.Management.Automation.PSCustomObject", HeadingHint::TypeLine),
            ("Manufacturer|Model|Serial Number", HeadingHint::Delimiter('|')),
            ("Manufacturer : Model : Serial Number", HeadingHint::Delimiter(':')),
            ("\"Manufacturer\"|\"Model\"|\"Serial Number\"", HeadingHint::Delimiter('|')),
            (
                "\u{feff}\"Manufacturer\",Model,Serial Number",
                HeadingHint::Invisible { heading: "Manufacturer".to_owned(), character: '\u{feff}' },
            ),
            (
                "Manufacturer,Model,Serial\u{a0}Number",
                HeadingHint::Invisible { heading: "Serial Number".to_owned(), character: '\u{a0}' },
            ),
            (
                "Model,Serial Num\u{200b}ber",
                HeadingHint::Invisible { heading: "Serial Number".to_owned(), character: '\u{200b}' },
            ),
            ("=\"Manufacturer\",=\"Model\",=\"Serial Number\"", HeadingHint::Formulas),
            ("Manufacturer,Model,=\"Serial Number\"", HeadingHint::Formulas),
            ("Manufacturer  Model  Serial Number", HeadingHint::OnlyBlanks),
            ("manufacturer model serial number hardware hash", HeadingHint::OnlyBlanks),
            ("Manufacturer   Model   Serial   Ort", HeadingHint::OnlyBlanks),
            ("Manufacturer-Model-Serial Number", HeadingHint::Unknown),
            (
                "Manufacturer, Model  Name,Serial Number",
                HeadingHint::Rename(vec![(2, "Model  Name".to_owned(), "Model".to_owned())]),
            ),
            ("Ort,Straat,Huis", HeadingHint::Unknown),
            ("", HeadingHint::Unknown),
        ] {
            assert_eq!(strict(line), wanted, "{line}");
        }
    }

    #[test]
    fn a_line_in_quotes_is_one_cell() {
        let expected = [vec!["Manufacturer".to_owned(), "Model".to_owned(), "Serial Number".to_owned()]];
        let wanted = Wanted { expected: &expected, free: false, optional: &[] };
        for line in ["Manufacturer,Model,Serial Number", "manufacturer;model"] {
            assert_eq!(hint(&[line], wanted), HeadingHint::OneCell, "{line}");
        }
        assert_eq!(hint(&["Report, Model"], wanted), HeadingHint::Unknown);
    }

    #[test]
    fn a_customers_own_headings_are_guessed_in_any_order() {
        let free = |line| guess(line, &["Hersteller,Modell,Seriennummer"], true);
        assert_eq!(free("Pos,seriennummer,Modell,HERSTELLER"), HeadingHint::Capitals);
        assert_eq!(free("Serien-Nummer,Modell,Hersteller,Pos"), HeadingHint::Renamed);
        assert_eq!(free("Pos,Modell,Hersteller"), HeadingHint::Incomplete(vec!["Seriennummer".to_owned()]));
        assert_eq!(free("Modell,Hersteller,Seriennummer,Modell"), HeadingHint::Twice("Modell".to_owned()));
        let ours = [(1, "Manufacturer", "Hersteller"), (2, "Model", "Modell"), (3, "Serial Number", "Seriennummer")]
            .map(|(at, from, to)| (at, from.to_owned(), to.to_owned()));
        assert_eq!(free("Manufacturer,Model,Serial Number"), HeadingHint::Rename(ours.to_vec()));
        let ours_too = [&ours[..], &[(4, "Order ID".to_owned(), "Bestellung".to_owned())]].concat();
        assert_eq!(free("Manufacturer,Model,Serial Number,Order ID"), HeadingHint::Rename(ours_too));
        assert_eq!(free("A,B,C"), HeadingHint::Unknown);
        assert_eq!(free("1,Dell,Latitude,8CD1X2Z"), HeadingHint::Missing);
    }
}
