//! An outline of a Rust file: its code without comments and string contents, its strings, and which lines are tests.
//!
//! A hand-made reader of comments, strings and braces; no parser. It has to be right for code that rustfmt and the
//! compiler have accepted, and for no other.

/// What the rules want to know of a Rust file.
#[derive(Debug)]
pub(super) struct Source {
    /// The code, with comments and the contents of strings and characters replaced by blanks, line by line in place.
    pub(super) code: String,
    /// The string literals: the line on which each begins, and its content as written.
    pub(super) strings: Vec<(usize, String)>,
    /// The lines, from 1, of which everything is compiled for tests only: first and last of each stretch.
    tests: Vec<(usize, usize)>,
}

impl Source {
    pub(super) fn new(text: &str, all_tests: bool) -> Self {
        let (code, strings) = Reader::new(text).read();
        let tests = if all_tests { vec![(1, usize::MAX)] } else { test_stretches(&code) };
        Self { code, strings, tests }
    }

    /// Whether the line is compiled for tests only.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|(first, last)| (*first..=*last).contains(&line))
    }

    /// The code's lines with their numbers from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Each function that has a body: its name, first and last line.
    pub(super) fn functions(&self) -> Vec<(String, usize, usize)> {
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices("fn ") {
            let (before, rest) = self.code.split_at(at);
            if before.ends_with(is_word) {
                continue;
            }
            let name: String = rest.chars().skip(3).take_while(|c| is_word(*c)).collect();
            // `fn $name` in a macro has no name yet, and its braces belong to the macro.
            if name.is_empty() {
                continue;
            }
            if let Some(length) = body_end(rest) {
                let first = line_of(before);
                let lines = rest.chars().take(length).filter(|c| *c == '\n').count();
                found.push((name, first, first + lines));
            }
        }
        found
    }
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The number of the line that follows `before`'s end.
pub(super) fn line_of(before: &str) -> usize {
    before.matches('\n').count() + 1
}

/// How many characters of `code` it takes to the end of the first block; `None` when a `;` ends it before one opens.
fn body_end(code: &str) -> Option<usize> {
    let (mut round, mut curly) = (0_i32, 0_i32);
    for (index, c) in code.chars().enumerate() {
        match c {
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            ';' if round == 0 && curly == 0 => return None,
            '{' => curly += 1,
            '}' => {
                curly -= 1;
                if curly <= 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}

/// The lines of each item under `#[cfg(test)]`.
fn test_stretches(code: &str) -> Vec<(usize, usize)> {
    let mut stretches = Vec::new();
    for (at, attribute) in code.match_indices("#[cfg(test)]") {
        let (before, rest) = code.split_at(at);
        let item = rest.get(attribute.len()..).unwrap_or_default();
        let end = body_end(item).unwrap_or_else(|| item.chars().take_while(|c| *c != ';').count());
        let first = line_of(before);
        stretches.push((first, first + item.chars().take(end).filter(|c| *c == '\n').count()));
    }
    stretches
}

/// Reads a file once, character by character.
struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
    code: String,
    strings: Vec<(usize, String)>,
}

impl Reader {
    fn new(text: &str) -> Self {
        Self { chars: text.chars().collect(), at: 0, line: 1, code: String::new(), strings: Vec::new() }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Takes one character and leaves it in the code, or a blank in its place.
    fn take(&mut self, keep: bool) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        if c == '\n' {
            self.line += 1;
        }
        self.code.push(if keep || c == '\n' { c } else { ' ' });
        Some(c)
    }

    fn read(mut self) -> (String, Vec<(usize, String)>) {
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('/')) => self.line_comment(),
                ('/', Some('*')) => self.block_comment(),
                ('"', _) => self.string(),
                ('\'', _) => self.quote(),
                (c, _) if is_word(c) => self.word(),
                _ => {
                    self.take(true);
                }
            }
        }
        (self.code, self.strings)
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.take(false);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.peek(0) {
            let step = match (c, self.peek(1)) {
                ('/', Some('*')) => {
                    depth += 1;
                    2
                }
                ('*', Some('/')) => {
                    depth = depth.saturating_sub(1);
                    2
                }
                _ => 1,
            };
            for _ in 0..step {
                self.take(false);
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// A word, and the literal that it may introduce: `r"…"`, `br#"…"#`, `b'x'`. A raw identifier is just a word.
    fn word(&mut self) {
        let mut word = String::new();
        while self.peek(0).is_some_and(is_word) {
            word.extend(self.take(true));
        }
        let hashes = self.chars.iter().skip(self.at).take_while(|c| **c == '#').count();
        match word.as_str() {
            "r" | "br" | "cr" if self.peek(hashes) == Some('"') => self.raw_string(hashes),
            "b" | "c" if self.peek(0) == Some('"') => self.string(),
            "b" if self.peek(0) == Some('\'') => self.quote(),
            _ => {}
        }
    }

    fn string(&mut self) {
        let (line, mut content) = (self.line, String::new());
        self.take(true);
        while let Some(c) = self.peek(0) {
            if c == '"' {
                self.take(true);
                break;
            }
            content.extend(self.take(false));
            if c == '\\' {
                content.extend(self.take(false));
            }
        }
        self.strings.push((line, content));
    }

    fn raw_string(&mut self, hashes: usize) {
        let (line, mut content) = (self.line, String::new());
        for _ in 0..=hashes {
            self.take(true);
        }
        while let Some(c) = self.peek(0) {
            if c == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                for _ in 0..=hashes {
                    self.take(true);
                }
                break;
            }
            content.extend(self.take(false));
        }
        self.strings.push((line, content));
    }

    /// A character literal, or the quote of a lifetime.
    fn quote(&mut self) {
        self.take(true);
        let escaped = self.peek(0) == Some('\\');
        if !escaped && self.peek(1) != Some('\'') {
            return;
        }
        self.take(false);
        if escaped {
            self.take(false);
        }
        while self.peek(0).is_some_and(|c| c != '\'' && c != '\n') {
            self.take(false);
        }
        self.take(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new(text, false).code
    }

    #[test]
    fn comments_and_contents_are_blank_and_nothing_moves() {
        assert_eq!(code("a // b { \nc /* { /* } */ */ d"), format!("a{:8}\nc{:17}d", "", ""));
        assert_eq!(
            code(r#"f("{\"}", '{', '\'', '\u{7d}', b'}', b"{")"#),
            r#"f("    ", ' ', '  ', '      ', b' ', b" ")"#
        );
        assert_eq!(code("r#\"}\"{\"# r#fn 'a 'static: &'a str"), "r#\"   \"# r#fn 'a 'static: &'a str");
    }

    #[test]
    fn strings_are_kept_with_their_lines() {
        let source = Source::new("x(\"one\");\ny(r\"two\n\", \"three\")", false);
        assert_eq!(source.strings, [(1, "one".to_owned()), (2, "two\n".to_owned()), (3, "three".to_owned())]);
    }

    #[test]
    fn functions_are_measured_from_their_name_to_their_last_brace() {
        let text = "trait T {\n    fn none(a: [u8; 2]);\n    fn some() -> [u8; 2] {\n        if x { y }\n    }\n}\nfn last() {}\n";
        let found = Source::new(text, false).functions();
        assert_eq!(found, [("some".to_owned(), 3, 5), ("last".to_owned(), 7, 7)]);
    }

    #[test]
    fn test_modules_are_known() {
        let source = Source::new("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n", false);
        assert_eq!(
            (1..=6).map(|line| source.is_test(line)).collect::<Vec<_>>(),
            [false, true, true, true, true, false]
        );
        assert!(Source::new("fn a() {}", true).is_test(1));
    }
}
