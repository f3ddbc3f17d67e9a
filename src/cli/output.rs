//! The only place that prints. Results go to stdout, all else to stderr; text from outside comes out escaped.
//!
//! A reader that went away (`devicedrop devices | head`) is no failure: see [`Output::ended`].

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::config::environment::Environment;
use devicedrop_core::shown::{is_deceptive, shown};

/// Where a command's words go.
pub struct Output {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    colour: bool,
    progress: bool,
    width: u16,
    /// Whether stdout is a terminal that can be cleared.
    terminal: bool,
    /// How many rows of a screen are left, while one is filled.
    left: Option<usize>,
}

/// How a word stands out, where colours are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Of a heading.
    Bold,
    /// What is well.
    Good,
    /// What is bad.
    Bad,
    /// What needs a look.
    Care,
    /// What matters less.
    Dim,
}

/// Narrower tables can't be read, wider ones neither.
const WIDTHS: std::ops::RangeInclusive<u16> = 80..=200;

/// The width where nothing says another.
const WIDTH: u16 = 120;

/// Words up to the length of a submission ID are never broken.
const LONGEST_WHOLE_WORD: usize = 36;

/// A column of sentences that is narrower than this can't be read.
const NARROWEST: usize = 12;

impl Output {
    /// This process's own.
    pub fn of_this_process(environment: &Environment) -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let terminal = out.is_terminal();
        let colour = terminal && !environment.no_color;
        let window = rustix::termios::tcgetwinsize(&out).ok().map(|size| size.ws_col).filter(|columns| *columns > 0);
        let width = environment.columns.or(window).unwrap_or(WIDTH).clamp(*WIDTHS.start(), *WIDTHS.end());
        let progress = err.is_terminal();
        let out = Box::new(BufWriter::new(out));
        Self { out, err: Box::new(err), colour, progress, width, terminal, left: None }
    }

    /// One that writes into these, without colours.
    pub fn into_writers(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, width: u16) -> Self {
        Self { out, err, colour: false, progress: false, width, terminal: false, left: None }
    }

    /// Prints a line of our own words; what they quote was escaped by the caller.
    pub fn line(&mut self, text: impl Display) -> io::Result<()> {
        self.put(&text.to_string())
    }

    /// Prints lines, as far as a screen that is filled has room for them.
    fn put(&mut self, text: &str) -> io::Result<()> {
        for line in text.split('\n') {
            match &mut self.left {
                None => writeln!(self.out, "{line}")?,
                Some(0) => {}
                Some(left) => {
                    let rows = line.width().div_ceil(usize::from(self.width)).max(1);
                    // The last row is for saying that there is more.
                    let fits = rows < *left;
                    *left = if fits { left.saturating_sub(rows) } else { 0 };
                    if fits {
                        writeln!(self.out, "{line}")?;
                    } else {
                        write!(self.out, "...")?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Prints text as it is, whatever is in it: completions, help.
    pub fn raw(&mut self, text: impl Display) -> io::Result<()> {
        write!(self.out, "{text}")
    }

    /// Prints one line of JSON.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut self.out, Harmless))?;
        writeln!(self.out)
    }

    /// Prints a table; every cell is escaped.
    pub fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(self.width).set_header(headings.iter().map(|heading| (*heading).to_owned()));
        for row in rows {
            table.add_row(row.iter().map(|cell| shown(cell).to_string()));
        }
        let mut needed = 0;
        for (index, column) in table.column_iter_mut().enumerate() {
            let cells: Vec<&str> = rows.iter().filter_map(|row| row.get(index)).map(String::as_str).collect();
            let words = headings.get(index).into_iter().flat_map(|heading| heading.split(' '));
            let longest = cells.iter().copied().chain(words).map(UnicodeWidthStr::width).max().unwrap_or(0);
            column.set_padding((0, 2));
            // Identifiers and states are copied and searched for: they stay whole, even if a line gets too long.
            let stays_whole = longest <= LONGEST_WHOLE_WORD && !cells.iter().any(|cell| cell.contains(' '));
            if stays_whole {
                let whole = u16::try_from(longest).unwrap_or(u16::MAX).saturating_add(2);
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(whole)));
            }
            needed += 2 + if stays_whole { longest } else { longest.min(NARROWEST) };
        }
        // Where not even these fit, whatever is left is spread over lines of a letter each: long lines are the lesser evil.
        if needed > usize::from(self.width) {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        for (index, line) in table.lines().enumerate() {
            let line = line.trim_end();
            let line = if index == 0 { self.painted(Paint::Bold, line) } else { line.to_owned() };
            self.put(&line)?;
        }
        Ok(())
    }

    /// Says something on stderr. That nobody reads it is no failure.
    pub fn note(&mut self, text: impl Display) {
        writeln!(self.err, "{text}").unwrap_or_default();
    }

    /// Says on a terminal how far something is, over what was said before.
    pub fn progress(&mut self, text: impl Display) {
        if self.progress {
            write!(self.err, "\r\u{1b}[K{text}").and_then(|()| self.err.flush()).unwrap_or_default();
        }
    }

    /// Takes away what [`Output::progress`] said.
    pub fn progress_ended(&mut self) {
        if self.progress {
            write!(self.err, "\r\u{1b}[K").unwrap_or_default();
        }
    }

    /// Begins a terminal's screen anew, and prints no more from here on than it has room for; elsewhere, sets a blank
    /// line between two reports.
    pub fn next_screen(&mut self) -> io::Result<()> {
        if !self.terminal {
            return writeln!(self.out);
        }
        let window = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok();
        self.left = window.map(|size| usize::from(size.ws_row)).filter(|rows| *rows > 0);
        write!(self.out, "\u{1b}[H\u{1b}[2J")
    }

    /// The words in the colour for `paint`, where colours are.
    pub fn painted(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Bold => "1",
            Paint::Good => "32",
            Paint::Bad => "31",
            Paint::Care => "33",
            Paint::Dim => "2",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Hands over what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Whether a failure to print means no more than that the reader has seen enough.
    pub fn ended(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::BrokenPipe
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("colour", &self.colour).field("width", &self.width).finish_non_exhaustive()
    }
}

/// Writes what a terminal obeys, or what can't be seen, by its number: programs read the same text.
struct Harmless;

impl serde_json::ser::Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_deceptive(*character)) {
            writer.write_all(rest.get(..at).unwrap_or_default().as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = rest.get(at + character.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::Printed;
    use insta::assert_snapshot;

    #[test]
    fn tables_fit_and_hostile_cells_are_harmless() {
        let mut printed = Printed::default();
        let long = "a reason that goes on and on, ".repeat(5);
        let rows = [
            vec!["contoso".to_owned(), "\u{1b}[2Jdevices\u{202e}vsc.csv".to_owned(), long],
            vec!["fabrikam".to_owned(), "a\nb.csv".to_owned(), String::new()],
        ];
        printed.output(80).table(&["customer", "file", "reason"], &rows).expect("printed");
        let text = printed.out();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_snapshot!(text, @r"
        customer  file                             reason
        contoso   \u{1b}[2Jdevices\u{202e}vsc.csv  a reason that goes on and on, a
                                                   reason that goes on and on, a
                                                   reason that goes on and on, a
                                                   reason that goes on and on, a
                                                   reason that goes on and on,
        fabrikam  a\u{a}b.csv
        ");
    }
    #[test]
    fn a_screen_is_filled_and_no_more() {
        let mut printed = Printed::default();
        let mut output = printed.output(80);
        output.left = Some(5);
        output.line("one").expect("printed");
        output.line("x".repeat(100)).expect("printed");
        output.line("four").expect("printed");
        output.line("five").expect("printed");
        output.line("six").expect("printed");
        drop(output);
        assert_eq!(printed.out(), format!("one\n{}\nfour\n...", "x".repeat(100)));
    }

    #[test]
    fn a_table_of_words_that_do_not_fit_gets_long_lines_and_none_of_single_letters() {
        let mut printed = Printed::default();
        let row =
            ["2026-11-23T04:09:15.018Z", "contoso", "PO-4711/laptops.csv", "registration_pending", "ready_for_user"];
        let rows = [row.map(ToOwned::to_owned).to_vec()];
        printed.output(80).table(&["at", "customer", "file", "from state", "to state"], &rows).expect("printed");
        assert_snapshot!(printed.out(), @r"
        at                        customer  file                 from state            to state
        2026-11-23T04:09:15.018Z  contoso   PO-4711/laptops.csv  registration_pending  ready_for_user
        ");
    }
}
