//! Makes text from outside harmless to look at: file names, cells, a registrar's words.
//!
//! For terminals, logs and messages. What comes out is for eyes: a backslash stays one backslash, so it can't be
//! read back without doubt. A form that can be read back is `name::path_text`.

use std::fmt::{self, Display, Write};

use unicode_normalization::char::is_combining_mark;

/// Shows `text` with every character escaped (`\u{202e}`) that a terminal obeys or an eye can't see: control
/// characters, line ends, marks that turn the direction of writing, characters without width, and blanks that look
/// like an ordinary one. Marks that belong to the character before them are escaped where there is none, or
/// where they would pile up.
pub fn shown(text: &str) -> impl Display + Clone + '_ {
    Shown { text, limit: usize::MAX }
}

/// Shows `text` as [`shown`] does, but at most `limit` of its characters, with an ellipsis for the rest.
pub fn shown_cut(text: &str, limit: usize) -> impl Display + Clone + '_ {
    Shown { text, limit }
}

/// Shows `bytes` as [`shown`] does, and each byte that isn't UTF-8 as `\xNN`.
pub fn shown_bytes(bytes: &[u8]) -> impl Display + Clone + '_ {
    ShownBytes(bytes)
}

#[derive(Clone)]
struct Shown<'a> {
    text: &'a str,
    limit: usize,
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut piled = Piled::new();
        for (index, character) in self.text.chars().enumerate() {
            if index == self.limit {
                return f.write_char('…');
            }
            piled.write(f, character)?;
        }
        Ok(())
    }
}

#[derive(Clone)]
struct ShownBytes<'a>(&'a [u8]);

impl Display for ShownBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut piled = Piled::new();
        for chunk in self.0.utf8_chunks() {
            chunk.valid().chars().try_for_each(|character| piled.write(f, character))?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

/// Marks in a row that a character may carry: more than any language needs.
const MARKS: usize = 4;

/// How many marks the last character carries that isn't one: as many as it may at the beginning, where there is none.
struct Piled(usize);

impl Piled {
    fn new() -> Self {
        Self(MARKS)
    }

    fn write(&mut self, f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
        let is_mark = !character.is_ascii() && is_combining_mark(character);
        let hidden = is_deceptive(character) || (is_mark && self.0 == MARKS);
        self.0 = if is_mark { (self.0 + 1).min(MARKS) } else { 0 };
        if hidden { write!(f, "\\u{{{:x}}}", u32::from(character)) } else { f.write_char(character) }
    }
}

/// Whether a character does something to a terminal, or can't be told from another one, or from none, by eye.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Blanks that look like U+0020. The wide one of Chinese and Japanese (U+3000) doesn't.
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}'
            // Format characters (general category Cf): direction marks, joiners, soft hyphen, tags, ...
            | '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Line and paragraph separators.
            | '\u{2028}' | '\u{2029}'
            // Fillers and joiners that are letters or marks by category, and nothing to the eye.
            | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
            // Variation selectors, and the plane of tags.
            | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}'
            // Private use and what will never be a character: whatever a font makes of it.
            | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{fff8}'
            | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_deceives_is_escaped_and_the_rest_is_left_alone() {
        let cases = [
            ("Müller & Söhne 株式会社　é", "Müller & Söhne 株式会社　é"),
            ("a\nb\r\tc\0", r"a\u{a}b\u{d}\u{9}c\u{0}"),
            ("\u{1b}[31mred\u{7}", r"\u{1b}[31mred\u{7}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("evil\u{202e}vsc.exe", r"evil\u{202e}vsc.exe"),
            ("Serial\u{a0}Number\u{200b}", r"Serial\u{a0}Number\u{200b}"),
            ("\u{feff}x\u{2066}", r"\u{feff}x\u{2066}"),
            (r"C:\temp", r"C:\temp"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text).to_string(), expected);
            assert_eq!(shown_bytes(text.as_bytes()).to_string(), expected);
        }
    }

    #[test]
    fn marks_do_not_pile_up() {
        let cases = [
            ("e\u{301}", "e\u{301}"),
            ("e\u{301}\u{302}\u{303}\u{304}", "e\u{301}\u{302}\u{303}\u{304}"),
            (
                "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{302}o\u{308}",
                "e\u{301}\u{301}\u{301}\u{301}\\u{301}\\u{302}o\u{308}",
            ),
            ("\u{301}\u{302}a", r"\u{301}\u{302}a"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text).to_string(), expected);
            assert_eq!(shown_bytes(text.as_bytes()).to_string(), expected);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_numbers() {
        assert_eq!(shown_bytes(b"M\xfcller\x80\xe2\x82.csv\x1b").to_string(), r"M\xfcller\x80\xe2\x82.csv\u{1b}");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(shown_cut("abc", 3).to_string(), "abc");
        assert_eq!(shown_cut("äöüß", 3).to_string(), "äöü…");
        assert_eq!(shown_cut("", 0).to_string(), "");
    }

    proptest! {
        /// Shown text holds nothing that needs showing: it may be shown again, unchanged.
        #[test]
        fn showing_twice_changes_nothing(bytes: Vec<u8>, text in "[a\u{301}\u{20d2}\u{1}\u{fe0f}]{0,12}") {
            let once = shown_bytes(&[bytes.as_slice(), text.as_bytes()].concat()).to_string();
            prop_assert!(!once.chars().any(is_deceptive));
            prop_assert_eq!(shown(&once).to_string(), once);
        }
    }
}
