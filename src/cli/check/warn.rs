//! What is taken and looks wrong: values must match byte for byte, and these seldom do.

use devicedrop_core::device::{Column, Device};
use devicedrop_core::oa3;
use devicedrop_core::row::{Content, Row};
use devicedrop_core::sheet::Head;
use devicedrop_core::shown::shown_cut;

use super::finding::Finding;

/// Serial numbers that firmware leaves where nobody wrote one, in small letters.
const PLACEHOLDERS: [&str; 16] = [
    "to be filled by o.e.m.",
    "to be filled by oem",
    "system serial number",
    "chassis serial number",
    "default string",
    "not specified",
    "not applicable",
    "not available",
    "serial number",
    "o.e.m.",
    "invalid",
    "none",
    "n/a",
    "0123456789",
    "123456789",
    "1234567890",
];

/// The rows of the samples that the service's documentation offers.
const SAMPLES: [(&str, &str, &str); 2] =
    [("SpiralOrbit", "ContosoABC", "000000000000"), ("Microsoft Corporation", "Surface Laptop", "016520771357")];

/// How much of a value a message quotes, in characters.
const QUOTED: usize = 40;

/// Takes what was found; the second is only made where it is shown.
pub(super) type Add<'a> = &'a mut dyn FnMut(&dyn Fn() -> Finding);

/// Says what looks wrong in a row that would be taken.
pub(super) fn warnings(head: &Head, row: &Row<'_>, content: &Content<'_>, add: Add<'_>) {
    if repeats_headings(head, row) {
        add(&|| {
            Finding::warning(head, row, Column::Manufacturer, "headings_again", "the headings stand here once more")
                .help("remove the line: it would be registered as a device. Probably two files were put together.")
        });
        return;
    }
    let values = [
        (Column::Manufacturer, content.manufacturer),
        (Column::Model, content.model),
        (Column::SerialNumber, content.serial_number),
    ];
    for (column, value) in values {
        blanks(head, row, column, value, add);
        characters(head, row, column, value, add);
    }
    let Content { manufacturer, model, serial_number, .. } = *content;
    if SAMPLES.contains(&(manufacturer.trim(), model.trim(), serial_number.trim())) {
        add(&|| {
            Finding::warning(
                head,
                row,
                Column::SerialNumber,
                "sample",
                "this is the row of the documentation's sample",
            )
            .help("remove it: its registration fails")
        });
    } else if is_placeholder(serial_number) {
        add(&|| {
            let message =
                format!("{} is no serial number: it stands in devices that nobody gave one", quoted(serial_number));
            Finding::warning(head, row, Column::SerialNumber, "placeholder", message)
                .help("take the serial number from the device's label or its supplier")
        });
    }
    if let Some(hash) = content.hardware_hash {
        hardware_hash(head, row, content, hash, add);
    }
}

/// Whether a row is the line of headings again, as where files were put together.
fn repeats_headings(head: &Head, row: &Row<'_>) -> bool {
    let plain = |text: &str| text.trim_start_matches('\u{feff}').trim().to_owned();
    let is_heading = |(cell, heading): (&str, &String)| plain(cell) == plain(heading);
    // The first cell tells nearly every row apart.
    row.echo(head).zip(&head.headings).take(1).all(is_heading) && row.echo(head).zip(&head.headings).all(is_heading)
}

fn blanks(head: &Head, row: &Row<'_>, column: Column, value: &str, add: Add<'_>) {
    let (start, end) = (value.trim_start(), value.trim_end());
    let place = match (start.len() < value.len(), end.len() < value.len()) {
        (false, false) => return,
        (true, false) => "at the beginning of",
        (false, true) => "at the end of",
        (true, true) => "around",
    };
    add(&|| {
        let message = format!("blanks stand {place} this value, and they count");
        Finding::warning(head, row, column, "surrounding_blanks", message)
            .help("remove them, unless the device itself reports them too")
    });
}

/// The first character that isn't what it looks like; in a serial number, the first that isn't ASCII.
fn characters(head: &Head, row: &Row<'_>, column: Column, value: &str, add: Add<'_>) {
    if value.is_ascii() {
        return;
    }
    let trimmed = value.trim();
    let before = value.chars().count() - value.trim_start().chars().count();
    let odd = |(at, character): (usize, char)| {
        let odd =
            Odd::of(character).or((column == Column::SerialNumber && !character.is_ascii()).then_some(Odd::Other));
        odd.map(|odd| (before + at, character, odd))
    };
    let Some((at, character, odd)) = trimmed.chars().enumerate().find_map(odd) else { return };
    let code = format!("U+{:04X}", u32::from(character));
    add(&|| {
        let (word, message, help) = match odd {
            Odd::Mark => (
                "bom_inside",
                format!("a byte order mark ({code}) stands inside this value, where it can't be seen"),
                "remove it. Probably two files were put together.",
            ),
            Odd::Invisible => (
                "invisible",
                format!("a character that can't be seen ({code}) stands in this value"),
                "type the value anew; such characters come along when a value is copied",
            ),
            Odd::Like(' ') => (
                "look_alike",
                format!("a blank in this value isn't the one of a keyboard but {code}"),
                "type the value anew; such characters come along when a value is copied",
            ),
            Odd::Like(usual) => (
                "look_alike",
                format!(
                    "{} ({code}) in this value only looks like {usual:?}",
                    quoted(character.encode_utf8(&mut [0; 4]))
                ),
                "type the value anew, unless the device itself reports it so",
            ),
            Odd::Other => (
                "not_ascii",
                format!("{} ({code}) seldom stands in a serial number", quoted(character.encode_utf8(&mut [0; 4]))),
                "compare the serial number with the device's label",
            ),
        };
        Finding::warning(head, row, column, word, message).at_character(at).help(help)
    });
}

fn hardware_hash(head: &Head, row: &Row<'_>, content: &Content<'_>, hash: &str, add: Add<'_>) {
    let found = match oa3::check(hash) {
        Ok(found) => found,
        Err(problem) => {
            return add(&|| {
                let finding = Finding::warning(head, row, Column::HardwareHash, "hardware_hash", problem.to_string());
                let finding = match &problem {
                    oa3::HashProblem::Character { position } => {
                        finding.at_character(usize::try_from(position.saturating_sub(1)).unwrap_or_default())
                    }
                    _ => finding,
                };
                finding.help("the service refuses it as not valid: take the hash from the device again")
            });
        }
    };
    let device = Device {
        manufacturer: content.manufacturer.to_owned(),
        model: content.model.to_owned(),
        serial_number: content.serial_number.to_owned(),
    };
    if let Some(mismatch) = oa3::cross_check(&found, &device) {
        add(&|| {
            let fields: Vec<String> = mismatch
                .fields
                .iter()
                .map(|(heading, row, hash)| {
                    format!("{heading} is {} in the row and {} in the hash", quoted(row), quoted(hash))
                })
                .collect();
            let message = format!("the hardware hash speaks of another device: {}", fields.join("; "));
            Finding::warning(head, row, Column::HardwareHash, "other_device", message)
                .help("check that the hash was taken from this device")
        });
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", shown_cut(text, QUOTED))
}

fn is_placeholder(serial_number: &str) -> bool {
    let small = serial_number.trim().to_lowercase();
    let mut characters = small.chars();
    let first = characters.next();
    let all_the_same = first.is_some_and(|first| "0x-.?".contains(first) && characters.all(|next| next == first));
    all_the_same || PLACEHOLDERS.contains(&small.as_str())
}

/// What is odd about a character.
#[derive(Clone, Copy)]
enum Odd {
    /// A byte order mark.
    Mark,
    /// Has no width.
    Invisible,
    /// Easily taken for this one of a keyboard.
    Like(char),
    /// Not odd everywhere, but in a serial number.
    Other,
}

impl Odd {
    fn of(character: char) -> Option<Self> {
        match character {
            '\u{feff}' => Some(Self::Mark),
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{ad}' | '\u{34f}' => {
                Some(Self::Invisible)
            }
            _ => look_alike(character).map(Self::Like),
        }
    }
}

/// The character on a keyboard that this one is easily taken for.
fn look_alike(character: char) -> Option<char> {
    let usual = match character {
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => '-',
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{b4}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201f}' | '\u{2033}' => '"',
        '\u{2044}' | '\u{2215}' => '/',
        // Full-width forms, which Japanese and Chinese keyboards give.
        '\u{ff01}'..='\u{ff5e}' => return char::from_u32(u32::from(character) - 0xfee0),
        // Greek and Cyrillic letters that share their shapes with Latin ones.
        '\u{391}' | '\u{410}' => 'A',
        '\u{392}' | '\u{412}' => 'B',
        '\u{395}' | '\u{415}' => 'E',
        '\u{396}' => 'Z',
        '\u{397}' | '\u{41d}' => 'H',
        '\u{399}' | '\u{406}' => 'I',
        '\u{39a}' | '\u{41a}' => 'K',
        '\u{39c}' | '\u{41c}' => 'M',
        '\u{39d}' => 'N',
        '\u{39f}' | '\u{41e}' => 'O',
        '\u{3a1}' | '\u{420}' => 'P',
        '\u{3a4}' | '\u{422}' => 'T',
        '\u{3a5}' => 'Y',
        '\u{3a7}' | '\u{425}' => 'X',
        '\u{421}' => 'C',
        '\u{405}' => 'S',
        '\u{408}' => 'J',
        _ => return None,
    };
    Some(usual)
}
