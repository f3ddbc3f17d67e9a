//! Devices that are nearly the same: told apart by capitals, blanks or characters that only look alike, and by nothing
//! else.
//!
//! Values must match byte for byte, and nothing here changes that: it only says where to look when they don't. What is
//! said never holds anything of the other device but that it is there and what kind of difference lies between.

use unicode_normalization::UnicodeNormalization;

use crate::device::{Column, Device};

/// A kind of difference that is easily missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Difference {
    /// Capital letters where the other has small ones, or the other way round.
    Capitals,
    /// Blanks at the beginning or the end, or several where the other has one.
    Blanks,
    /// Characters that look like others, or that can't be seen.
    LookAlikes,
}

impl Difference {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Capitals, Self::Blanks, Self::LookAlikes];

    const fn bit(self) -> u8 {
        match self {
            Self::Capitals => 1,
            Self::Blanks => 2,
            Self::LookAlikes => 4,
        }
    }
}

/// Some kinds of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Differences(u8);

impl Differences {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(7);

    /// Whether this kind is one of them.
    pub fn has(self, difference: Difference) -> bool {
        self.0 & difference.bit() != 0
    }

    /// These and one more.
    #[must_use]
    pub fn and(self, difference: Difference) -> Self {
        Self(self.0 | difference.bit())
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Them, in the order of [`Difference::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Difference> {
        Difference::ALL.into_iter().filter(move |difference| self.has(*difference))
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// What lies between two texts, by the fewest kinds that explain it; none if anything else does too.
    pub fn between(one: &str, other: &str) -> Option<Self> {
        if one == other {
            return Some(Self::NONE);
        }
        // The fewer before the more, and of as many the earlier kinds first.
        let orders = [1, 2, 4, 3, 5, 6, 7].map(Self);
        orders.into_iter().find(|kinds| without(one, *kinds) == without(other, *kinds))
    }
}

/// What lies between a device and one that is nearly the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Near {
    /// Between the manufacturers.
    pub manufacturer: Differences,
    /// Between the models.
    pub model: Differences,
    /// Between the serial numbers.
    pub serial_number: Differences,
}

impl Near {
    /// What lies between two devices; none if they are the same, or if anything else lies between them too.
    pub fn between(one: &Device, other: &Device) -> Option<Self> {
        let near = Self {
            manufacturer: Differences::between(&one.manufacturer, &other.manufacturer)?,
            model: Differences::between(&one.model, &other.model)?,
            serial_number: Differences::between(&one.serial_number, &other.serial_number)?,
        };
        (near.count() > 0).then_some(near)
    }

    /// How much that is.
    pub fn count(&self) -> u32 {
        self.columns().into_iter().map(|(_, differences)| differences.count()).sum()
    }

    /// The columns and what lies between them, in their order.
    pub fn columns(&self) -> [(Column, Differences); 3] {
        [
            (Column::Manufacturer, self.manufacturer),
            (Column::Model, self.model),
            (Column::SerialNumber, self.serial_number),
        ]
    }
}

/// A value without all that is easily missed in it: two values are nearly the same if this is the same of both.
pub fn fold(value: &str) -> String {
    without(value, Differences::ALL)
}

/// A value without these kinds of difference.
fn without(value: &str, kinds: Differences) -> String {
    let shapes = kinds.has(Difference::LookAlikes);
    let mut plain = String::with_capacity(value.len());
    if shapes && !value.is_ascii() {
        // Letters with their marks apart and in one look the same. Taken apart they can be compared, once what only
        // looks like a letter is one; and what takes several signs of a keyboard (a ligature, a fraction) is those.
        let apart = value.nfc().filter_map(usual).nfkd().filter_map(usual);
        plain_of(apart.map(shape), kinds, &mut plain);
    } else if shapes {
        plain_of(value.chars().map(shape), kinds, &mut plain);
    } else {
        plain_of(value.chars(), kinds, &mut plain);
    }
    plain
}

fn plain_of(characters: impl Iterator<Item = char>, kinds: Differences, plain: &mut String) {
    let (capitals, shapes) = (kinds.has(Difference::Capitals), kinds.has(Difference::LookAlikes));
    let mut blank = false;
    for character in characters {
        if kinds.has(Difference::Blanks) && character == ' ' {
            blank = !plain.is_empty();
            continue;
        }
        if std::mem::take(&mut blank) {
            plain.push(' ');
        }
        match character {
            _ if !capitals => plain.push(character),
            // The small forms look like a 1, so the capital ones are the same as that.
            'i' | 'L' if shapes => plain.push('1'),
            _ if character.is_ascii() => plain.push(character.to_ascii_uppercase()),
            _ => plain.extend(character.to_uppercase()),
        }
    }
}

/// One of the characters of a keyboard that people type for one another, since they look the same on many labels: the
/// letter O and the digit 0; the letters I and l and the digit 1. No others: 5 and S, 8 and B can be told apart.
fn shape(character: char) -> char {
    match character {
        'O' | 'o' => '0',
        'I' | 'l' => '1',
        _ => character,
    }
}

/// The character of a keyboard that this one is taken for by eye, or itself; none if it can't be seen at all.
fn usual(character: char) -> Option<char> {
    if is_invisible(character) {
        return None;
    }
    if let Some(usual) = look_alike(character) {
        return Some(usual);
    }
    let mut capital = character.to_uppercase();
    match (capital.next().and_then(look_alike), capital.next()) {
        (Some(usual), None) => Some(usual.to_ascii_lowercase()),
        _ => Some(character),
    }
}

/// Whether a character has no width of its own: byte order mark, joiners, marks of direction, soft hyphen.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// Blanks, dashes, quotes and capital letters of other scripts that share their shape with one of a keyboard.
///
/// The table is our own, put together from the code charts by eye: what comes along when a value is copied from a
/// document or a web page, full-width forms, and the capital letters of the Greek and the Cyrillic script that are
/// printed as Latin ones are. It is far smaller than Unicode's list of confusables, and need not be complete: what is
/// missing costs a hint, no more. Small letters go by their capitals.
fn look_alike(character: char) -> Option<char> {
    Some(match character {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => '-',
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{b4}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{2033}' => '"',
        '\u{2044}' | '\u{2215}' => '/',
        '\u{ff01}'..='\u{ff5e}' => return char::from_u32(u32::from(character) - 0xfee0),
        '\u{391}' | '\u{410}' => 'A',
        '\u{392}' | '\u{412}' => 'B',
        '\u{421}' | '\u{3f9}' => 'C',
        '\u{395}' | '\u{415}' => 'E',
        '\u{397}' | '\u{41d}' => 'H',
        '\u{399}' | '\u{406}' | '\u{4c0}' | '\u{130}' | '\u{131}' => 'I',
        '\u{37f}' | '\u{408}' => 'J',
        '\u{39a}' | '\u{41a}' | '\u{212a}' => 'K',
        '\u{39c}' | '\u{41c}' => 'M',
        '\u{39d}' => 'N',
        '\u{39f}' | '\u{41e}' => 'O',
        '\u{3a1}' | '\u{420}' => 'P',
        '\u{51a}' => 'Q',
        '\u{405}' => 'S',
        '\u{3a4}' | '\u{422}' => 'T',
        '\u{51c}' => 'W',
        '\u{3a7}' | '\u{425}' => 'X',
        '\u{3a5}' | '\u{423}' | '\u{4ae}' => 'Y',
        '\u{396}' => 'Z',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(one: &str, other: &str) -> Option<Vec<Difference>> {
        Differences::between(one, other).map(|kinds| kinds.iter().collect())
    }

    #[test]
    fn what_lies_between_two_values() {
        use Difference::{Blanks, Capitals, LookAlikes};
        assert_eq!(kinds("AB 1", "AB 1"), Some(vec![]));
        assert_eq!(kinds("ab 1", "AB 1"), Some(vec![Capitals]));
        assert_eq!(kinds(" AB  1 ", "AB 1"), Some(vec![Blanks]));
        assert_eq!(kinds("AB\u{a0}1", "AB 1"), Some(vec![LookAlikes]));
        assert_eq!(kinds("AB\u{200b} 1", "AB 1"), Some(vec![LookAlikes]));
        assert_eq!(kinds("АВ 1", "AB 1"), Some(vec![LookAlikes]), "Cyrillic capitals");
        assert_eq!(kinds("ΑΒ 1", "AB 1"), Some(vec![LookAlikes]), "Greek capitals");
        assert_eq!(kinds("ＡＢ　１", "AB 1"), Some(vec![LookAlikes]), "full width");
        assert_eq!(kinds("аВ 1", "AB 1"), Some(vec![Capitals, LookAlikes]), "a small Cyrillic letter");
        assert_eq!(kinds("AB 1\u{a0}", "AB 1"), Some(vec![Blanks, LookAlikes]));
        assert_eq!(
            kinds("Caf\u{e9}", "Cafe\u{301}"),
            Some(vec![LookAlikes]),
            "a letter and its mark, in one and apart"
        );
        assert_eq!(kinds("CAF\u{c9}", "cafe\u{301}"), Some(vec![Capitals, LookAlikes]));
        assert_eq!(kinds("\u{401}", "E\u{308}"), Some(vec![LookAlikes]), "a Cyrillic letter with a mark");
        assert_eq!(kinds("\u{130}", "I\u{307}"), Some(vec![LookAlikes]));
        assert_eq!(kinds("o\u{fb03}ce \u{2460}", "office 1"), Some(vec![LookAlikes]));
        assert_eq!(kinds("AB01", "ABO1"), Some(vec![LookAlikes]), "the letter O and the digit");
        assert_eq!(kinds("1I1O", "lIl0"), Some(vec![LookAlikes]));
        assert_eq!(kinds("ab01", "ABOL"), Some(vec![Capitals, LookAlikes]));
        assert_eq!(kinds("XO", "Xo"), Some(vec![Capitals]), "the fewer kinds, and of as many the earlier one");
        assert_eq!(kinds("Dell", "DELL"), Some(vec![Capitals]));
        assert_eq!(kinds("\u{feff} aB 1", "AB 1"), Some(vec![Capitals, Blanks, LookAlikes]));
        for other in ["AB1", "AB 2", "A B 1", "ABC 1", "", "0B 1", "A8 1", "AB 7", "\u{c4}B 1"] {
            assert_eq!(kinds("AB 1", other), None, "{other:?}");
        }
    }

    #[test]
    fn devices_are_near_only_by_all_three_values() {
        let device = |manufacturer: &str, model: &str, serial_number: &str| Device {
            manufacturer: manufacturer.to_owned(),
            model: model.to_owned(),
            serial_number: serial_number.to_owned(),
        };
        let known = device("Contoso", "One", "AB1");
        let near = Near::between(&device("contoso ", "One", "ab1"), &known).unwrap();
        let both = Differences::NONE.and(Difference::Capitals).and(Difference::Blanks);
        assert_eq!((near.manufacturer, near.model.is_empty()), (both, true));
        assert_eq!(near.count(), 3);
        assert_eq!(Near::between(&known, &known), None);
        assert_eq!(Near::between(&device("contoso", "Two", "ab1"), &known), None);
        // Where one value ends and the next begins counts.
        assert_eq!(Near::between(&device("Contoso One", "", "AB1"), &known), None);
    }

    fn value() -> impl Strategy<Value = String> {
        "[abBAаААВß \u{a0}\u{200b}ａıİK1iIlLoO0eEé\u{301}\u{308}Ёﬃ-]{0,6}"
    }

    proptest! {
        /// Two values fold to the same if and only if something is said of what lies between them, whichever way round.
        #[test]
        fn folding_and_telling_agree(one in value(), other in value()) {
            let told = Differences::between(&one, &other);
            prop_assert_eq!(told.is_some(), fold(&one) == fold(&other));
            prop_assert_eq!(told, Differences::between(&other, &one));
            prop_assert_eq!(told == Some(Differences::NONE), one == other);
        }

        /// Whatever comes, no blank is left to be missed.
        #[test]
        fn blanks_are_folded(value in "[ \\PC]{0,12}") {
            let folded = fold(&value);
            prop_assert!(!folded.starts_with(' ') && !folded.ends_with(' ') && !folded.contains("  "));
        }

        /// A capital, a blank at an end and a character without width never part two values.
        #[test]
        fn what_is_easily_missed_is_folded(value in "[A-Za-z0-9 -]{1,12}") {
            prop_assert_eq!(fold(&format!(" {}\u{feff}", value.to_lowercase())), fold(&value));
        }
    }
}
