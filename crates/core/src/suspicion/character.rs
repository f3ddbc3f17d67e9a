//! Characters that aren't what they look like, each by itself.

/// What is odd about a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    /// A byte order mark.
    Mark,
    /// Has no width.
    Invisible,
    /// A blank that isn't a keyboard's.
    Blank,
    /// A typographic form of this quotation mark or apostrophe.
    Quote(char),
    /// Easily taken for this one of a keyboard, in any script.
    Like(char),
    /// A letter of another script, shaped as this one is.
    Letter(char),
}

/// What is odd about a character, if anything is.
pub(super) fn odd(character: char) -> Option<Odd> {
    Some(match character {
        '\u{feff}' => Odd::Mark,
        '\u{ad}'
        | '\u{34f}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' => Odd::Invisible,
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Odd::Blank,
        '\u{b4}' | '\u{2018}'..='\u{201b}' | '\u{2032}' => Odd::Quote('\''),
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{ab}' | '\u{bb}' => Odd::Quote('"'),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Odd::Like('-'),
        '\u{2044}' | '\u{2215}' => Odd::Like('/'),
        // Full-width forms, which Japanese and Chinese keyboards give.
        '\u{ff01}'..='\u{ff5e}' => Odd::Like(char::from_u32(u32::from(character).saturating_sub(0xfee0))?),
        _ => Odd::Letter(latin(character)?),
    })
}

/// The Latin letter that a Greek or Cyrillic one is shaped like.
fn latin(character: char) -> Option<char> {
    Some(match character {
        '\u{391}' | '\u{410}' => 'A',
        '\u{392}' | '\u{412}' => 'B',
        '\u{421}' => 'C',
        '\u{395}' | '\u{415}' => 'E',
        '\u{397}' | '\u{41d}' => 'H',
        '\u{399}' | '\u{406}' | '\u{4c0}' => 'I',
        '\u{408}' => 'J',
        '\u{39a}' | '\u{41a}' => 'K',
        '\u{39c}' | '\u{41c}' => 'M',
        '\u{39d}' => 'N',
        '\u{39f}' | '\u{41e}' => 'O',
        '\u{3a1}' | '\u{420}' => 'P',
        '\u{405}' => 'S',
        '\u{3a4}' | '\u{422}' => 'T',
        '\u{3a7}' | '\u{425}' => 'X',
        '\u{3a5}' | '\u{423}' | '\u{4ae}' => 'Y',
        '\u{396}' => 'Z',
        '\u{430}' => 'a',
        '\u{441}' => 'c',
        '\u{435}' => 'e',
        '\u{456}' => 'i',
        '\u{458}' => 'j',
        '\u{3bf}' | '\u{43e}' => 'o',
        '\u{440}' => 'p',
        '\u{455}' => 's',
        '\u{3bd}' => 'v',
        '\u{445}' => 'x',
        '\u{443}' => 'y',
        _ => return None,
    })
}

/// Whether nothing is to be seen of a character.
pub(super) fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(odd(character), Some(Odd::Mark | Odd::Invisible | Odd::Blank))
}

/// Whether the word around an odd letter is Latin otherwise: then the letter is a slip. A word that holds letters
/// with a shape of their own is written in its script.
pub(super) fn is_latin_word(word: &str) -> bool {
    word.chars().all(|character| {
        character.is_ascii() || !character.is_alphabetic() || odd(character).is_some() || is_latin_letter(character)
    })
}

/// Latin letters with marks: Latin-1 Supplement, Extended-A and -B.
fn is_latin_letter(character: char) -> bool {
    matches!(character, '\u{c0}'..='\u{24f}')
}
