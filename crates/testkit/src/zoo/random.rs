//! Files that nobody thought of: rows of the characters that matter, in each dialect and encoding.
//!
//! Each is one that we accept: rows may be refused, the file isn't.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// So many files, the same ones each time.
pub fn random_files(count: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut runner = TestRunner::deterministic();
    let file = file();
    let mut one = || Ok(file.new_tree(&mut runner).map_err(anyhow::Error::msg)?.current());
    (0..count).map(|_| one()).collect()
}

/// Cells as senders and attackers write them: mostly of the characters that matter.
fn cell() -> impl Strategy<Value = String> + Clone {
    let rest = any::<String>().prop_map(|text| text.replace('\0', ""));
    prop_oneof![
        1 => rest,
        3 => "[-=+@,;\t\"'\r\n \u{a0}\u{feff}＝a1é0.E]{1,8}",
        2 => "[A-Z0-9]{4,12}",
        1 => "[0-9]{1,20}",
        1 => "0[0-9]{1,9}|[0-9]\\.[0-9]{2}E[+-][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](19|20)[0-9]{2}|TRUE|true",
    ]
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    let delimiter = prop::sample::select(&[",", ";", "\t"][..]);
    let ending = prop::sample::select(&["\n", "\r\n", "\r"][..]);
    let headings = prop::sample::select(&[3_usize, 4][..]);
    let rows = headings.prop_flat_map(|headings| {
        let row = prop::collection::vec(cell(), headings);
        (Just(headings), prop::collection::vec(row, 1..30))
    });
    (delimiter, ending, rows, any::<bool>(), any::<bool>(), 0..4).prop_map(
        |(delimiter, ending, (headings, rows), always, sep_line, encoding)| {
            let cell = |cell: &String| {
                let special = cell.contains([',', ';', '\t', '"', '\r', '\n']);
                if always || special { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }
            };
            let line = |cells: Vec<String>| cells.iter().map(cell).collect::<Vec<_>>().join(delimiter) + ending;
            let known = ["Manufacturer", "Model", "Serial Number", "Hardware Hash"].map(str::to_owned);
            let known: Vec<String> = known.into_iter().take(headings).collect();
            let sep = if sep_line { format!("sep={delimiter}{ending}") } else { String::new() };
            let text: String = [sep].into_iter().chain([known].into_iter().chain(rows).map(line)).collect();
            match encoding {
                0 => text.into_bytes(),
                1 => format!("\u{feff}{text}").into_bytes(),
                2 => format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
                _ => format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
            }
        },
    )
}
