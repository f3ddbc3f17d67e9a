//! What spreadsheets make of a value that looks like a date to them: `MAR1` and `1-3` become `1-mrt`.

/// Months as spreadsheets abbreviate them in English, Dutch, German and French, in small letters.
const MONTHS: [&str; 35] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mrt", "mei", "okt", "mär",
    "mrz", "mai", "dez", "janv", "févr", "mars", "avr", "juin", "juil", "août", "sept", "déc", "june", "july",
    "maart", "april", "juni", "juli", "märz",
];

/// Whether a value has the form that a spreadsheet gives a date: `1-mrt`, `02-Mar-26`, `mrt-26`, `1-3-2026`,
/// `2026-03-01`.
pub(super) fn is_date(value: &str) -> bool {
    // Asked of every serial number, so the cheap question comes first.
    let Some(separator) = value.chars().find(|character| matches!(character, '-' | '/')) else { return false };
    if value.len() > "31-févr.-2026".len() {
        return false;
    }
    let parts: Vec<&str> = value.split(separator).collect();
    match parts.as_slice() {
        [day, month] if is_month(month) => is_number(day, 1, 31),
        [month, year] if is_month(month) => is_year(year) || is_number(year, 1, 31),
        [day, month, year] if is_month(month) => is_number(day, 1, 31) && is_year(year),
        [year, month, day] if year.len() == 4 => is_year(year) && is_number(month, 1, 12) && is_number(day, 1, 31),
        // Day and month come in either order.
        [one, other, year] if year.len() == 4 => {
            is_year(year)
                && ((is_number(one, 1, 31) && is_number(other, 1, 12))
                    || (is_number(one, 1, 12) && is_number(other, 1, 31)))
        }
        _ => false,
    }
}

fn is_month(text: &str) -> bool {
    let small = text.strip_suffix('.').unwrap_or(text).to_lowercase();
    MONTHS.contains(&small.as_str())
}

/// Two digits, or four of this century or the last.
fn is_year(text: &str) -> bool {
    (text.len() == 2 && is_number(text, 0, 99)) || (text.len() == 4 && is_number(text, 1900, 2099))
}

fn is_number(text: &str, least: u16, most: u16) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && text.parse().is_ok_and(|number: u16| (least..=most).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::is_date;

    #[test]
    fn dates_are_told_from_serial_numbers() {
        for date in [
            "1-mrt",
            "02-Mar",
            "2-mei",
            "31-févr.",
            "mrt-26",
            "Mar-01",
            "1-Mar-26",
            "01-okt-2026",
            "1-3-2026",
            "13/12/2026",
            "12/13/2026",
            "2026-03-01",
            "5-MRT",
        ] {
            assert!(is_date(date), "{date}");
        }
        for serial in [
            "",
            "-",
            "1R9-ZNP67",
            "32-mrt",
            "1-3",
            "1-3-26",
            "0-mrt",
            "MAR1",
            "2026-13-01",
            "2026-03",
            "1-mrt-x",
            "1--mrt",
            "mrt",
            "12-345-678",
            "1899-01-01",
            "13-13-2026",
            "PF-0123-2026",
            "1-mrt/26",
        ] {
            assert!(!is_date(serial), "{serial}");
        }
    }
}
