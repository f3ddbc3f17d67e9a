//! What the fuzz targets share: files as the daemon reads them, and what must hold of every text that people see.

pub mod file;

use devicedrop_core::shown::is_deceptive;

/// Fails if a text could do something to a terminal, or to an eye.
pub fn harmless(text: &str) {
    assert!(!text.is_empty(), "nothing is told");
    // Most of each text is plain, and this looks at more characters than all that is under test.
    let plain = |character: char| matches!(character, ' '..='~');
    if let Some(character) = text.chars().find(|character| !plain(*character) && is_deceptive(*character)) {
        panic!("{character:?} in {text:?}");
    }
}

/// Whether a spreadsheet would take a cell for a formula, as far as its first character tells.
pub fn looks_like_a_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}
