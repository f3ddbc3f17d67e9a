//! Guesses about single headings and what stands between them, where most of a format is there: a word for a heading
//! that isn't ours, a column too many, a delimiter that strayed in.
//!
//! What happened to a line of headings as a whole is guessed in `hints`.

use crate::dialect::Delimiter;
use crate::headings::quoted;
use crate::hints::{Wanted, plain, same_plain};
use crate::limits::count;
use crate::problem::HeadingHint;

/// What other lists call our columns, without blanks, capitals and hyphens.
const OTHER_WORDS: [(&str, &[&str]); 3] = [
    (
        "manufacturer",
        &["make", "maker", "brand", "vendor", "fabrikant", "merk", "hersteller", "marke", "manufacturername"],
    ),
    ("model", &["modelname", "devicemodel", "product", "type", "modell", "modelnaam", "typ"]),
    (
        "serialnumber",
        &[
            "serial",
            "serialno",
            "serialno.",
            "sn",
            "s/n",
            "serienummer",
            "seriennummer",
            "serienr",
            "deviceserialnumber",
        ],
    ),
];

/// What we call the columns of a format, in its order.
const OURS: [&str; 4] = ["Manufacturer", "Model", "Serial Number", "Hardware Hash"];

/// All headings in their order, once those are taken apart that another delimiter holds together.
pub(crate) fn of_delimiters(found: &[&str], expected: &[Vec<String>]) -> Option<HeadingHint> {
    let is_delimiter = |character: char| Delimiter::ALL.iter().any(|one| char::from(one.byte()) == character);
    let mut names: Vec<&str> = found.iter().flat_map(|name| name.split(is_delimiter)).collect();
    if found.len() < 2 || names.len() == found.len() {
        return None;
    }
    while names.last().is_some_and(|name| name.trim().is_empty()) {
        names.pop();
    }
    if !expected.iter().any(|headings| same(&names, headings)) {
        return None;
    }
    let stray = found.last().and_then(|last| last.chars().next_back());
    let stray = Delimiter::ALL.into_iter().find(|one| Some(char::from(one.byte())) == stray);
    Some(match stray {
        Some(stray) if names.len() == found.len() => HeadingHint::Stray(stray),
        _ => HeadingHint::TwoDelimiters,
    })
}

/// Whether a cell holds several headings, and between them only blanks.
pub(crate) fn only_blanks_between(cell: &str, expected: &[Vec<String>]) -> bool {
    let known = |name: &&str| expected.iter().flatten().any(|heading| same_plain(heading, name));
    let is_all = |headings: &Vec<String>| headings.len() > 1 && same_plain(&headings.concat(), cell);
    cell.split("  ").filter(known).count() >= 2
        || (cell.contains(char::is_whitespace) && !cell.contains(['-', '_']) && expected.iter().any(is_all))
}

/// Whether any heading is a formula that gives one of ours: `="Model"`.
pub(crate) fn any_formula(found: &[&str], expected: &[Vec<String>]) -> bool {
    let known = |name: &str| expected.iter().flatten().any(|heading| same_plain(heading, name));
    found
        .iter()
        .any(|name| name.strip_prefix('=').is_some_and(|rest| rest.trim_start().starts_with('"') && known(rest)))
}

/// Columns that stand among a format's own.
pub(crate) fn too_many(found: &[&str], expected: &[Vec<String>]) -> Option<HeadingHint> {
    let without = |headings: &Vec<String>| {
        let mut wanted = headings.iter().peekable();
        let mut others = Vec::new();
        for (number, name) in (1..).zip(found) {
            if wanted.next_if(|heading| same_plain(name, heading)).is_none() {
                others.push((number, quoted(&[name]).concat()));
            }
        }
        wanted.peek().is_none().then_some(others)
    };
    let fewest = expected.iter().filter_map(without).min_by_key(Vec::len)?;
    (!fewest.is_empty()).then_some(HeadingHint::Delete(fewest))
}

/// A format's columns, at most one of them under a name that nobody would guess.
pub(crate) fn other_words(found: &[&str], expected: &[Vec<String>]) -> Option<HeadingHint> {
    expected.iter().filter(|headings| headings.len() == found.len()).find_map(|headings| {
        let differ = |(name, heading): &(&&str, &String)| !same_plain(name, heading);
        let others: Vec<_> = (1..).zip(found.iter().zip(headings)).filter(|(_, pair)| differ(pair)).collect();
        let strange = others.iter().filter(|(_, (name, heading))| !is_word_for(name, heading));
        let strange: Vec<_> = strange.map(|(_, (name, _))| name).collect();
        let is_data = |name: &&&&str| name.is_empty() || name.bytes().any(|byte| byte.is_ascii_digit());
        let elsewhere = others.iter().any(|(_, (_, heading))| found.iter().any(|name| same_plain(name, heading)));
        if others.is_empty() || strange.len() > 1 || strange.iter().any(is_data) || elsewhere {
            return None;
        }
        let rename = |(number, (name, heading)): (usize, (&&str, &String))| {
            (count(number), quoted(&[name]).concat(), heading.clone())
        };
        Some(HeadingHint::Rename(others.into_iter().map(rename).collect()))
    })
}

/// All of a format's columns, under our names where the customer has others, or under those that other lists have; and
/// those that may be there too.
pub(crate) fn renamed(found: &[&str], wanted: Wanted<'_>) -> Option<HeadingHint> {
    let free = wanted.free;
    let all_of = |headings: &Vec<String>| {
        let all: Option<Vec<_>> =
            OURS.iter().zip(headings).map(|(ours, heading)| column(found, ours, heading)).collect();
        all.filter(|_| free || found.len() == headings.len())
    };
    let all = wanted.expected.iter().filter_map(all_of).max_by_key(Vec::len)?;
    let moved = !free && all.iter().map(|(place, ..)| *place).ne(0..all.len());
    let others = others(found, all, wanted);
    match (others.is_empty(), moved) {
        (true, _) => None,
        (false, false) => Some(HeadingHint::Rename(others)),
        (false, true) => Some(HeadingHint::RenameAndMove(others)),
    }
}

/// Where a column stands and its name there, and the name that it is to have.
type Named<'a> = (usize, &'a str, String);

/// The column that we call `ours` and the customer `heading`, if exactly one can be it.
fn column<'a>(found: &[&'a str], ours: &str, heading: &str) -> Option<Named<'a>> {
    let is_it = |name: &str| same_plain(name, heading) || same_plain(name, ours) || is_word_for(name, ours);
    let mut places = (0..).zip(found).filter(|(_, name)| is_it(name));
    places.next().filter(|_| places.next().is_none()).map(|(place, name)| (place, *name, heading.to_owned()))
}

/// Those of all columns, and of those that may be there too, that have another name than they are to have.
fn others(found: &[&str], all: Vec<Named<'_>>, wanted: Wanted<'_>) -> Vec<(u64, String, String)> {
    let optional = wanted.optional.iter().filter_map(|(ours, heading)| column(found, ours, heading));
    let mut others: Vec<_> = (all.into_iter())
        .chain(optional)
        .filter(|(_, name, heading)| name != heading)
        .map(|(place, name, heading)| (count(place + 1), quoted(&[name]).concat(), heading))
        .collect();
    others.sort_unstable();
    others
}

fn is_word_for(name: &str, heading: &str) -> bool {
    let (name, heading) = (plain(name), plain(heading));
    OTHER_WORDS.iter().any(|(ours, words)| *ours == heading && words.contains(&name.as_str()))
}

fn same(names: &[&str], headings: &[String]) -> bool {
    names.len() == headings.len() && names.iter().zip(headings).all(|(name, heading)| same_plain(name, heading))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hints::hint;

    fn guess(line: &str, delimiter: char) -> HeadingHint {
        let expected = ["Manufacturer,Model,Serial Number", "Manufacturer,Model,Serial Number,Hardware Hash"];
        let lists: Vec<Vec<String>> =
            expected.iter().map(|list| list.split(',').map(str::to_owned).collect()).collect();
        let wanted = Wanted { expected: &lists, free: false, optional: &[] };
        hint(&line.split(delimiter).collect::<Vec<_>>(), wanted)
    }

    #[test]
    fn a_delimiter_that_strayed_in_is_told_of() {
        for line in ["Manufacturer,Model,Serial Number;", "Manufacturer,Model,Serial Number;;;;;;"] {
            assert_eq!(guess(line, ','), HeadingHint::Stray(Delimiter::Semicolon), "{line}");
        }
        for (line, delimiter) in [
            ("Manufacturer;Model,Serial Number", ','),
            ("Manufacturer;Model,Serial Number", ';'),
            ("Manufacturer\tModel,Serial Number,Hardware Hash", ','),
        ] {
            assert_eq!(guess(line, delimiter), HeadingHint::TwoDelimiters, "{line}");
        }
    }

    #[test]
    fn a_heading_under_another_word_is_to_be_renamed() {
        let rename = |all: &[(u64, &str, &str)]| {
            HeadingHint::Rename(
                all.iter().map(|(at, from, to)| (*at, (*from).to_owned(), (*to).to_owned())).collect(),
            )
        };
        for (line, wanted) in [
            ("Manufactuer,Model,Serial Number", rename(&[(1, "Manufactuer", "Manufacturer")])),
            ("Make,Model,Serial Number", rename(&[(1, "Make", "Manufacturer")])),
            ("Manufacturer,Model Name,Serial Number", rename(&[(2, "Model Name", "Model")])),
            ("Manufacturer,Model,Serial", rename(&[(3, "Serial", "Serial Number")])),
            (
                "Fabrikant,Model,Serienummer",
                rename(&[(1, "Fabrikant", "Manufacturer"), (3, "Serienummer", "Serial Number")]),
            ),
            ("Manufacturer,Model,Serial Number,Hash", HeadingHint::Extra(vec!["Hash".to_owned()])),
            ("Manufacturer,Model,8CD1", HeadingHint::Incomplete(vec!["Serial Number".to_owned()])),
            ("Manufacturer,Serial Number,Ort", HeadingHint::Incomplete(vec!["Model".to_owned()])),
        ] {
            assert_eq!(guess(line, ','), wanted, "{line}");
        }
    }

    #[test]
    fn columns_under_other_names_are_told_by_them_in_any_order_too() {
        let all = |all: &[(u64, &str, &str)]| -> Vec<_> {
            all.iter().map(|(at, from, to)| (*at, (*from).to_owned(), (*to).to_owned())).collect()
        };
        let words = [(1, "Serienummer", "Serial Number"), (3, "Fabrikant", "Manufacturer")];
        assert_eq!(guess("Serienummer,Model,Fabrikant", ','), HeadingHint::RenameAndMove(all(&words)));
        let ours = ["Hersteller", "Modell", "Seriennummer"].map(str::to_owned).to_vec();
        let wanted = Wanted { expected: std::slice::from_ref(&ours), free: true, optional: &[] };
        let mapped = |line: &str| hint(&line.split(',').collect::<Vec<_>>(), wanted);
        for (line, wanted) in [
            (
                "Serial Number,Lager,Model,Manufacturer",
                &[(1, "Serial Number", "Seriennummer"), (3, "Model", "Modell"), (4, "Manufacturer", "Hersteller")][..],
            ),
            (
                "Manufacturer name,Device model,Seriennummer",
                &[(1, "Manufacturer name", "Hersteller"), (2, "Device model", "Modell")],
            ),
            ("Hersteller,Typ,Seriennummer", &[(2, "Typ", "Modell")]),
        ] {
            assert_eq!(mapped(line), HeadingHint::Rename(all(wanted)), "{line}");
        }
        // Two that could be it.
        let serial = HeadingHint::Incomplete(vec!["Seriennummer".to_owned()]);
        assert_eq!(mapped("Hersteller,Modell,Serial,SN"), serial);
    }

    #[test]
    fn a_column_too_many_is_to_be_deleted() {
        for (line, number, name) in [
            (",Manufacturer,Model,Serial Number", 1, ""),
            ("Manufacturer,,Model,Serial Number", 2, ""),
            ("Nr,Manufacturer,Model,Serial Number", 1, "Nr"),
            ("Nr,Manufacturer,Model,Serial Number,Hardware Hash", 1, "Nr"),
        ] {
            assert_eq!(guess(line, ','), HeadingHint::Delete(vec![(number, name.to_owned())]), "{line}");
        }
    }
}
