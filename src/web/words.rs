//! The page's own words. States, errors and what is said of them have theirs in the core.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use devicedrop_core::locale::Locale;
use devicedrop_core::time::Timestamp;

use super::guard::cookie;

/// The cookie that keeps the language somebody chose.
pub(super) const LANGUAGE_COOKIE: &str = "devicedrop-language";

/// The languages of the page, each with its name in itself.
pub(super) const LANGUAGES: [(Locale, &str); 2] = [(Locale::En, "English"), (Locale::Nl, "Nederlands")];

/// The language of a visit: the one that was chosen, or else what the browser asks for.
pub(super) fn language_of(headers: &HeaderMap) -> Locale {
    let chosen = cookie(headers, LANGUAGE_COOKIE).and_then(language_named);
    chosen.unwrap_or_else(|| {
        let asked = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        preferred(asked)
    })
}

/// The language with this code, if the page has it.
pub(super) fn language_named(code: &str) -> Option<Locale> {
    LANGUAGES.into_iter().map(|(locale, _)| locale).find(|locale| locale.code() == code)
}

/// The first of the page's languages by the weights of an `Accept-Language`.
fn preferred(asked: &str) -> Locale {
    let mut best = (Locale::En, 0_u32);
    for part in asked.split(',').take(32) {
        let (range, weight) = part.split_once(';').unwrap_or((part, "q=1"));
        let code = range.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).unwrap_or(0.0);
        // Thousandths, as the header has them.
        let weight = (0..=1000).rev().find(|step| f32::from(u16::try_from(*step).unwrap_or(0)) <= weight * 1000.0);
        if let (Some(locale), Some(weight)) = (language_named(&code), weight)
            && weight > best.1
        {
            best = (locale, weight);
        }
    }
    best.0
}

/// One of two texts, by the language.
pub(super) fn say<T>(locale: Locale, en: T, nl: T) -> T {
    if locale == Locale::Nl { nl } else { en }
}

/// A number as people read it: `1,234` or `1.234`.
pub(super) fn number(locale: Locale, number: u64) -> String {
    let digits = number.to_string();
    let mut told = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            told.push(say(locale, ',', '.'));
        }
        told.push(digit);
    }
    told
}

/// A time as people read it: to the second, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    let time = time.split(['.', 'Z']).next().unwrap_or_default();
    format!("{date} {time}")
}

/// A size as people read it.
pub(super) fn size(locale: Locale, bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut tenths = bytes.saturating_mul(10);
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < units.len() {
        tenths /= 1024;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or_default();
    if unit == 0 || tenths >= 1000 {
        format!("{} {name}", number(locale, tenths / 10))
    } else {
        format!("{}{}{} {name}", tenths / 10, say(locale, '.', ','), tenths % 10)
    }
}

/// What brought a change about.
pub(super) fn cause(locale: Locale, word: &str) -> &str {
    match word {
        "received" => say(locale, "received", "ontvangen"),
        "validation" => say(locale, "the row was checked", "de rij is gecontroleerd"),
        "attempt" => say(locale, "the registrar answered", "de registratiedienst heeft geantwoord"),
        "activity" => say(locale, "by its use", "door gebruik"),
        "retry" => say(locale, "tried again by a person", "opnieuw geprobeerd door een persoon"),
        "delivered_again" => say(locale, "the file was delivered again", "het bestand is opnieuw aangeleverd"),
        "resolved" => say(locale, "decided by a person", "beslist door een persoon"),
        "gave_up" => say(locale, "given up after many attempts", "opgegeven na vele pogingen"),
        other => other,
    }
}

/// How an attempt ended.
pub(super) fn outcome(locale: Locale, word: Option<&str>) -> &str {
    match word {
        None => say(locale, "no answer yet", "nog geen antwoord"),
        Some("registered") => say(locale, "registered", "geregistreerd"),
        Some("already_registered") => say(locale, "already registered", "al geregistreerd"),
        Some("failed") => say(locale, "failed", "mislukt"),
        Some("deferred") => say(locale, "put off, tried again later", "uitgesteld, later opnieuw geprobeerd"),
        Some("interrupted") => {
            say(locale, "cut off, the registrar doesn't know it", "afgebroken, niet bekend bij de registratiedienst")
        }
        Some("resolved") => say(locale, "decided by a person", "beslist door een persoon"),
        Some(other) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_wish_is_heard() {
        for (asked, locale) in [
            ("", Locale::En),
            ("nl", Locale::Nl),
            ("nl-BE,nl;q=0.9,en;q=0.8", Locale::Nl),
            ("de-DE,de;q=0.9,en;q=0.2,nl;q=0.3", Locale::Nl),
            ("en;q=0.9,nl;q=0.1", Locale::En),
            ("nl;q=0", Locale::En),
            ("nl;q=nonsense, *", Locale::En),
            ("fr", Locale::En),
        ] {
            assert_eq!(preferred(asked), locale, "{asked}");
        }
    }

    #[test]
    fn numbers_and_sizes_are_written_as_people_do() {
        assert_eq!(number(Locale::En, 1_234_567), "1,234,567");
        assert_eq!(number(Locale::Nl, 1_000), "1.000");
        assert_eq!(number(Locale::Nl, 999), "999");
        assert_eq!(size(Locale::En, 999), "999 bytes");
        assert_eq!(size(Locale::Nl, 1_536), "1,5 KiB");
        assert_eq!(size(Locale::En, 1 << 30), "1.0 GiB");
        assert_eq!(moment(Timestamp::from_unix_ms(0)), "1970-01-01 00:00:00");
    }
}
