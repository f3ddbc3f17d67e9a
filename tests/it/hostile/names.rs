//! Names that are no names: bytes, control characters, formulas, options; and what people and programs see of them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use anyhow::{Result, ensure};
use devicedrop_core::name::{path_bytes, path_text, result_name};
use devicedrop_core::shown::is_deceptive;

use super::{Hostile, good, names_in};
use crate::scene::{CONTOSO, all_ready, fence, rows, wait_for_answer};

/// Names of files that are accepted.
fn accepted() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        &b"\xFF\xFE not UTF-8.csv"[..],
        b"a\xC3.csv",
        b"two\nlines.csv",
        b"back\r.csv",
        b"tab\t.csv",
        b"\x1b[2J\x1b[31mred.csv",
        b"\x1b]52;c;cm0gLXJmIC8=\x07.csv",
        b"bell\x07.csv",
        b"\xC2\x9b31m c1.csv",
        "right-to-left\u{202e}vsc.exe.csv".as_bytes(),
        "zero\u{200b}width.csv".as_bytes(),
        "p\u{430}ypal.csv".as_bytes(),
        "caf\u{e9}.csv".as_bytes(),
        "cafe\u{301}.csv".as_bytes(),
        b"=cmd|' &C calc'!A0.csv",
        b"@SUM(1).csv",
        b"+1.csv",
        b"-rf.csv",
        b"--config=x.csv",
        b" leading.csv",
        b"trailing .csv",
        b"a:b.csv",
        b"CON.csv",
        b"x.CSV",
        b"x.csv.csv",
        b"back\\slash.csv",
        b"back\\xff.csv",
        b"%s%n{}${jndi:ldap:}.csv",
        b"<script>alert(1)<script>.csv",
        b"'; DROP TABLE note; --.csv",
        b"*.csv",
        b"$(id).csv",
        b"`id`.csv",
    ]
    .map(<[u8]>::to_vec)
    .into();
    // As long as a name can be, of characters of one, two and three bytes, and of bytes that are no characters.
    for (filling, count) in
        [(&b"l"[..], 251), ("\u{e9}".as_bytes(), 125), ("\u{20ac}".as_bytes(), 83), (b"\x80", 251)]
    {
        names.push([filling.repeat(count), b".csv".to_vec()].concat());
    }
    // Two that have their first 200 bytes in common.
    names.push([&[b'm'; 250][..], b"1.csv"].concat());
    names.push([&[b'm'; 250][..], b"2.csv"].concat());
    names
}

#[test]
fn every_name_is_answered_beside_it_and_shown_without_its_teeth() -> Result<()> {
    let hostile = Hostile::new()?;
    let names = accepted();
    for (index, name) in names.iter().enumerate() {
        fs::write(hostile.drop_folder().join(OsStr::from_bytes(name)), good(&format!("n{index}")))?;
    }
    for name in ["~lock.csv", ".hidden.csv", "a.csv.filepart", "a.csv.tmp", "devicedrop.toml", ".htaccess", "x.sh"] {
        fs::write(hostile.at(name), good("never"))?;
    }
    fs::create_dir(hostile.at("PO\x1b[31m\n-rf"))?;
    fs::write(hostile.at("PO\x1b[31m\n-rf").join("a.csv"), good("order"))?;
    let mut daemon = hostile.start()?;
    for (index, name) in names.iter().enumerate() {
        let result = hostile.drop_folder().join(OsStr::from_bytes(&result_name(name)));
        wait_for_answer(&mut daemon, &result, &all_ready(&[&format!("n{index}")]))?;
    }
    fence(&hostile.env, &mut daemon, CONTOSO, "fence")?;
    let mut on_record: Vec<Vec<u8>> =
        rows(&hostile.env, "SELECT file FROM audit_submissions")?.iter().map(|text| path_bytes(text)).collect();
    let mut expected = names;
    expected.extend([b"PO\x1b[31m\n-rf/a.csv".to_vec(), b"fence.csv".to_vec()]);
    on_record.sort();
    expected.sort();
    assert_eq!(on_record, expected, "each file once, by its own bytes");
    for name in &expected {
        let told = path_text(name);
        ensure!(path_bytes(&told) == *name, "{told} can be read back");
    }
    commands_show_nothing_deceptive(&hostile)?;
    let (code, log) = daemon.terminate()?;
    ensure!(code == 0, "the daemon ended with {code}");
    for line in &log {
        ensure!(!line.json.is_null(), "one event is one line: {:?}", line.text);
    }
    hostile.nothing_sang(&log)
}

/// Nothing that a terminal obeys, or an eye can't see, comes out of a command.
fn commands_show_nothing_deceptive(hostile: &Hostile) -> Result<()> {
    let odd = hostile.drop_folder().join(OsStr::from_bytes(b"\x1b[2J\x1b[31mred.csv"));
    let order = hostile.at("PO\x1b[31m\n-rf").join("a.csv");
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    for arguments in [
        vec!["status".to_owned()],
        vec!["submissions".to_owned()],
        vec!["devices".to_owned()],
        vec!["attempts".to_owned()],
        vec!["history".to_owned(), "order".to_owned()],
        vec!["find".to_owned(), "red".to_owned()],
        vec!["explain".to_owned(), path(&odd)],
        vec!["explain".to_owned(), path(&order)],
        vec!["check".to_owned(), path(&odd)],
        vec!["result".to_owned(), path(&odd)],
    ] {
        let said = hostile.env.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        let text = said.stdout + &said.stderr;
        let bad = text.chars().find(|character| is_deceptive(*character) && *character != '\n');
        ensure!(bad.is_none(), "{arguments:?} shows {bad:?}: {text:?}");
        ensure!(!text.contains("\n-rf"), "{arguments:?} lets a name make lines of its own: {text:?}");
    }
    Ok(())
}

#[test]
fn results_that_would_have_one_name_do_not_overwrite_each_other() -> Result<()> {
    let hostile = Hostile::new()?;
    let mut daemon = hostile.start()?;
    // The name of one's result, shortened, is that of the other's, in full.
    let long = [&[b'k'; 250][..], b".csv"].concat();
    let result = result_name(&long);
    let stem = result.strip_suffix(b".result.csv").unwrap_or_default();
    let short = [stem, b".csv"].concat();
    ensure!(result_name(&short) == result, "they collide");
    for (index, name) in [&long, &short].into_iter().enumerate() {
        let serial = format!("c{index}");
        fs::write(hostile.drop_folder().join(OsStr::from_bytes(name)), good(&serial))?;
        daemon.wait_until("an answer to each", || {
            let ours = names_in(&hostile.drop_folder())?.into_iter().filter(|name| name.contains(".result"));
            let texts = ours.map(|name| fs::read_to_string(hostile.at(&name))).collect::<Result<Vec<_>, _>>()?;
            let is_there = |serial: &str| texts.contains(&all_ready(&[serial]));
            Ok((is_there("c0") && (index == 0 || is_there("c1"))).then_some(()))
        })?;
    }
    hostile.end(daemon)
}
