//! The words for an order file that can't be used: the CSV beside it waits until it is put right.

use super::{Language, number, quoted, words};
use crate::limits::VALUE_CHARS;
use crate::order::{BadOrderFile, JsonKind, OrderProblem};

/// Says what is wrong with an order file and what to do.
pub(super) fn bad_order_file(bad: &BadOrderFile, language: Language) -> String {
    let name = quoted(&bad.name);
    let (why, remedy) = of_bad(bad, language);
    words!(
        language,
        "This file waits: its order file {name} can't be used. {why} {remedy}",
        "Dit bestand wacht: het orderbestand {name} is niet bruikbaar. {why} {remedy}",
    )
}

/// What is wrong with an order file, and what to do.
pub(super) fn of_bad(bad: &BadOrderFile, language: Language) -> (String, String) {
    (why(&bad.problem, language), remedy(bad, language))
}

fn why(problem: &OrderProblem, language: Language) -> String {
    match problem {
        OrderProblem::Empty => words!(language, "It is empty.", "Het is leeg."),
        OrderProblem::NotJson { line, column } => words!(
            language,
            "It isn't valid JSON: something is wrong in line {line} at column {column}.",
            "Het is geen geldige JSON: er klopt iets niet in regel {line} bij kolom {column}.",
        ),
        OrderProblem::TypographicQuote { line, column, found } => words!(
            language,
            "It isn't valid JSON: in line {line} at column {column} stands {found}, a typographic quotation mark; type \
             the straight one of the keyboard (\") there and everywhere else.",
            "Het is geen geldige JSON: in regel {line} bij kolom {column} staat {found}, een typografisch \
             aanhalingsteken; typ daar en overal elders het rechte van het toetsenbord (\").",
        ),
        OrderProblem::NotText => {
            words!(language, "It isn't text in UTF-8.", "Het is geen tekst in UTF-8.")
        }
        OrderProblem::NotAnObject { found } => {
            let found = kind(*found, language);
            words!(
                language,
                "It holds {found} instead of names and values in braces.",
                "Het bevat {found} in plaats van namen en waarden tussen accolades.",
            )
        }
        OrderProblem::UnknownKey { key } => {
            let key = quoted(key);
            words!(
                language,
                "It has the name {key}; only \"order_id\" and \"purchase_id\" are known, in small letters.",
                "Het bevat de naam {key}; alleen \"order_id\" en \"purchase_id\" zijn bekend, in kleine letters.",
            )
        }
        OrderProblem::NothingSaid => words!(
            language,
            "It gives neither an \"order_id\" nor a \"purchase_id\".",
            "Het bevat geen \"order_id\" en ook geen \"purchase_id\".",
        ),
        value @ (OrderProblem::KeyTwice { .. }
        | OrderProblem::NotAText { .. }
        | OrderProblem::EmptyValue { .. }
        | OrderProblem::BlankValue { .. }
        | OrderProblem::LongValue { .. }
        | OrderProblem::ControlCharacter { .. }) => about_a_value(value, language),
        of_the_file => about_the_file(of_the_file, language),
    }
}

fn about_a_value(problem: &OrderProblem, language: Language) -> String {
    match problem {
        OrderProblem::KeyTwice { key } => {
            let key = key.text();
            words!(language, "It has \"{key}\" twice.", "\"{key}\" staat er twee keer in.")
        }
        OrderProblem::NotAText { key, found } => {
            let (key, found) = (key.text(), kind(*found, language));
            words!(
                language,
                "Its \"{key}\" is {found}; expected is a text in quotes.",
                "\"{key}\" is {found}; verwacht wordt een tekst tussen aanhalingstekens.",
            )
        }
        OrderProblem::EmptyValue { key } => {
            let key = key.text();
            words!(
                language,
                "Its \"{key}\" is empty; leave out what there is no value for.",
                "\"{key}\" is leeg; laat weg waar geen waarde voor is.",
            )
        }
        OrderProblem::BlankValue { key } => {
            let key = key.text();
            words!(
                language,
                "Its \"{key}\" holds nothing but blanks; leave out what there is no value for.",
                "\"{key}\" bevat alleen spaties; laat weg waar geen waarde voor is.",
            )
        }
        OrderProblem::LongValue { key, chars } => {
            let (key, chars) = (key.text(), number(*chars, language));
            let limit = number(u64::try_from(VALUE_CHARS).unwrap_or(u64::MAX), language);
            words!(
                language,
                "Its \"{key}\" has {chars} characters; at most {limit} are accepted.",
                "\"{key}\" heeft {chars} tekens; er worden er hoogstens {limit} aanvaard.",
            )
        }
        OrderProblem::ControlCharacter { key, character } => {
            let (key, code) = (key.text(), u32::from(*character));
            words!(
                language,
                "Its \"{key}\" holds a control character (U+{code:04X}), such as a line break or a tab.",
                "\"{key}\" bevat een besturingsteken (U+{code:04X}), zoals een regeleinde of een tab.",
            )
        }
        _ => String::new(),
    }
}

fn about_the_file(problem: &OrderProblem, language: Language) -> String {
    match problem {
        OrderProblem::TooLarge { bytes, limit } => {
            let (bytes, limit) = (number(*bytes, language), number(*limit, language));
            words!(
                language,
                "It has {bytes} bytes; at most {limit} are read.",
                "Het telt {bytes} bytes; er worden er hoogstens {limit} gelezen.",
            )
        }
        OrderProblem::NotAFile => words!(
            language,
            "It isn't a regular file but a folder or a special file.",
            "Het is geen gewoon bestand, maar een map of een speciaal bestand.",
        ),
        OrderProblem::Link => {
            words!(
                language,
                "It is a link, and links aren't followed.",
                "Het is een koppeling, en die worden niet gevolgd."
            )
        }
        OrderProblem::SecondLink => words!(
            language,
            "It has a second name elsewhere (a hard link), so whose it is can't be told.",
            "Het heeft elders een tweede naam (een harde koppeling), zodat niet te zien is van wie het is.",
        ),
        OrderProblem::Unreadable => words!(
            language,
            "The service has no permission to read it, or it can't be read.",
            "De dienst heeft geen recht om het te lezen, of het is niet leesbaar.",
        ),
        OrderProblem::OtherName { name } => {
            let name = quoted(name);
            words!(
                language,
                "It has another name, {name}: every character counts, capitals and blanks too.",
                "Het heeft een andere naam, {name}: elk teken telt mee, ook hoofdletters en spaties.",
            )
        }
        _ => String::new(),
    }
}

fn remedy(bad: &BadOrderFile, language: Language) -> String {
    let name = quoted(&bad.name);
    let remedy = match bad.problem {
        OrderProblem::NotAFile | OrderProblem::Link | OrderProblem::SecondLink => {
            words!(language, "Put a file of its own at that name", "Zet een eigen bestand onder die naam",)
        }
        OrderProblem::Unreadable => words!(
            language,
            "Give the folder's group the right to read it, or drop it again",
            "Geef de groep van de map leesrecht, of lever het opnieuw aan",
        ),
        OrderProblem::OtherName { .. } => words!(language, "Rename it to {name}", "Geef het de naam {name}"),
        _ => words!(
            language,
            "Write it like {{\"order_id\": \"...\", \"purchase_id\": \"...\"}}, of which one may be left out, and \
             drop it again",
            "Schrijf het als {{\"order_id\": \"...\", \"purchase_id\": \"...\"}}, waarvan er één mag ontbreken, en \
             lever het opnieuw aan",
        ),
    };
    if bad.can_be_left_out {
        words!(
            language,
            "{remedy}, or remove it: no order file is needed here.",
            "{remedy}, of verwijder het: een orderbestand is hier niet nodig.",
        )
    } else {
        format!("{remedy}.")
    }
}

fn kind(kind: JsonKind, language: Language) -> String {
    match kind {
        JsonKind::Null => words!(language, "nothing (null)", "niets (null)"),
        JsonKind::Boolean => words!(language, "true or false", "true of false"),
        JsonKind::Number => words!(language, "a number", "een getal"),
        JsonKind::Text => words!(language, "a text", "een tekst"),
        JsonKind::List => words!(language, "a list", "een lijst"),
        JsonKind::Object => words!(language, "names and values in braces", "namen en waarden tussen accolades"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::both;
    use crate::message::{Notice, notice};
    use crate::order::OrderKey::{OrderId, PurchaseId};

    fn of(problem: &OrderProblem) -> BadOrderFile {
        let can_be_left_out = !matches!(problem, OrderProblem::Empty | OrderProblem::Link);
        BadOrderFile { name: "a.order.json".to_owned(), problem: problem.clone(), can_be_left_out }
    }

    #[test]
    fn each_problem_says_what_and_what_to_do() {
        let problems = [
            OrderProblem::Empty,
            OrderProblem::NotJson { line: 2, column: 17 },
            OrderProblem::TypographicQuote { line: 1, column: 2, found: '\u{201c}' },
            OrderProblem::NotText,
            OrderProblem::NotAnObject { found: JsonKind::List },
            OrderProblem::UnknownKey { key: "orderid\u{1b}".to_owned() },
            OrderProblem::KeyTwice { key: OrderId },
            OrderProblem::NotAText { key: OrderId, found: JsonKind::Number },
            OrderProblem::EmptyValue { key: PurchaseId },
            OrderProblem::BlankValue { key: OrderId },
            OrderProblem::LongValue { key: OrderId, chars: 2_000 },
            OrderProblem::ControlCharacter { key: OrderId, character: '\n' },
            OrderProblem::NothingSaid,
            OrderProblem::TooLarge { bytes: 70_000, limit: 65_536 },
            OrderProblem::NotAFile,
            OrderProblem::Link,
            OrderProblem::SecondLink,
            OrderProblem::Unreadable,
            OrderProblem::OtherName { name: "A.ORDER.JSON".to_owned() },
        ];
        let told = |locale| {
            let each = problems.iter().map(|problem| {
                let bad = of(problem);
                notice(&Notice::BadOrderFile(&bad), locale)
            });
            each.collect()
        };
        insta::assert_snapshot!(both(told), @r##"
        This file waits: its order file "a.order.json" can't be used. It is empty. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het is leeg. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan.
        This file waits: its order file "a.order.json" can't be used. It isn't valid JSON: something is wrong in line 2 at column 17. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het is geen geldige JSON: er klopt iets niet in regel 2 bij kolom 17. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. It isn't valid JSON: in line 1 at column 2 stands “, a typographic quotation mark; type the straight one of the keyboard (") there and everywhere else. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het is geen geldige JSON: in regel 1 bij kolom 2 staat “, een typografisch aanhalingsteken; typ daar en overal elders het rechte van het toetsenbord ("). Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. It isn't text in UTF-8. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het is geen tekst in UTF-8. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. It holds a list instead of names and values in braces. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het bevat een lijst in plaats van namen en waarden tussen accolades. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. It has the name "orderid\u{1b}"; only "order_id" and "purchase_id" are known, in small letters. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het bevat de naam "orderid\u{1b}"; alleen "order_id" en "purchase_id" zijn bekend, in kleine letters. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. It has "order_id" twice. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. "order_id" staat er twee keer in. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. Its "order_id" is a number; expected is a text in quotes. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. "order_id" is een getal; verwacht wordt een tekst tussen aanhalingstekens. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. Its "purchase_id" is empty; leave out what there is no value for. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. "purchase_id" is leeg; laat weg waar geen waarde voor is. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. Its "order_id" holds nothing but blanks; leave out what there is no value for. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. "order_id" bevat alleen spaties; laat weg waar geen waarde voor is. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. Its "order_id" has 2,000 characters; at most 1,024 are accepted. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. "order_id" heeft 2.000 tekens; er worden er hoogstens 1.024 aanvaard. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. Its "order_id" holds a control character (U+000A), such as a line break or a tab. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. "order_id" bevat een besturingsteken (U+000A), zoals een regeleinde of een tab. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. It gives neither an "order_id" nor a "purchase_id". Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het bevat geen "order_id" en ook geen "purchase_id". Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. It has 70,000 bytes; at most 65,536 are read. Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het telt 70.000 bytes; er worden er hoogstens 65.536 gelezen. Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. It isn't a regular file but a folder or a special file. Put a file of its own at that name, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het is geen gewoon bestand, maar een map of een speciaal bestand. Zet een eigen bestand onder die naam, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. It is a link, and links aren't followed. Put a file of its own at that name.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het is een koppeling, en die worden niet gevolgd. Zet een eigen bestand onder die naam.
        This file waits: its order file "a.order.json" can't be used. It has a second name elsewhere (a hard link), so whose it is can't be told. Put a file of its own at that name, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het heeft elders een tweede naam (een harde koppeling), zodat niet te zien is van wie het is. Zet een eigen bestand onder die naam, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. The service has no permission to read it, or it can't be read. Give the folder's group the right to read it, or drop it again, or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. De dienst heeft geen recht om het te lezen, of het is niet leesbaar. Geef de groep van de map leesrecht, of lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        This file waits: its order file "a.order.json" can't be used. It has another name, "A.ORDER.JSON": every character counts, capitals and blanks too. Rename it to "a.order.json", or remove it: no order file is needed here.
          Dit bestand wacht: het orderbestand "a.order.json" is niet bruikbaar. Het heeft een andere naam, "A.ORDER.JSON": elk teken telt mee, ook hoofdletters en spaties. Geef het de naam "a.order.json", of verwijder het: een orderbestand is hier niet nodig.
        "##);
    }
}
