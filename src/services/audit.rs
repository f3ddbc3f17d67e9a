//! Verification, checkpoints and keys for the commands: over connections that only read, with or without a daemon.
//!
//! What is recomputed and how is the ledger's; here it meets the archive, the keys and the files that people bring.

mod kept;
mod keys;
mod reread;

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use devicedrop_core::checkpoint::{Checkpoint, block_leaf};
use devicedrop_core::record::Tree;
use devicedrop_core::shown::shown;
use devicedrop_core::signed_note::Signer;
use sha2::{Digest, Sha256};

use crate::cli::audit::{Verified, VerifyAsk};
use crate::cli::error::Failure;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::inbox::archive::Archive;
use crate::ledger::Reader;
use crate::ledger::rows::Head;
use crate::ledger::verify::{Original, Part, Progress, Verification, Verifier};
use crate::proof::signing;

use keys::OnRecord;
use reread::Reread;

use super::lookups::failure::Told;
use super::{copies, failure, proofs};

/// A checkpoint, or a key, has some hundred bytes.
const LONGEST: u64 = 64 * 1024;

pub(super) use kept::{Kept, is_believed, not_believed};
pub(super) use keys::{in_force, keygen};

/// How a line of progress comes to whoever watches.
pub(super) type Say<'a> = &'a mut dyn FnMut(&str);

/// Recomputes the ledger, and compares it with what was brought along and with the archive.
pub(super) fn verify(config: &Config, ask: &VerifyAsk, say: Say<'_>) -> Result<Verified, Failure> {
    let given = ask.keys.iter().map(|text| keys::key(text)).collect::<Result<Vec<_>, _>>()?;
    if !ask.receipts.is_empty()
        && ask.checkpoints.is_empty()
        && ask.snapshot.is_none()
        && !config.ledger.path.exists()
    {
        return Ok(without_ledger(ask, proofs::check(&ask.receipts, &given)?));
    }
    let clock = SystemClock;
    let began = clock.elapsed();
    let mut verifier = match &ask.snapshot {
        Some(path) => copies::open_snapshot(path).and_then(|_| Verifier::open_copy(path).map_err(Told::told))?,
        None => Verifier::open(&config.ledger.path).map_err(Told::told)?,
    };
    verifier.accept_epochs(ask.accept_epoch);
    let on_record = OnRecord::of(verifier.signing_keys().map_err(Told::told)?);
    let believed = on_record.successors(&given);
    let mut brought =
        ask.checkpoints.iter().map(|path| kept::read(path, &believed)).collect::<Result<Vec<_>, _>>()?;
    let receipts = proofs::check(&ask.receipts, &believed)?;
    let kept = brought.len();
    brought.extend(receipts.checkpoints);
    let here = if kept == 0 && ask.snapshot.is_none() { kept::here(config)? } else { kept::Here::default() };
    let here_count = count(&here.checkpoints);
    brought.extend(here.checkpoints);
    let signed: Vec<String> = brought.iter().filter_map(|kept| on_record.judge(kept, &given)).collect();
    let checkpoints: Vec<Checkpoint> = brought.iter().map(|kept| kept.checkpoint).collect();
    let verification = recompute(&mut verifier, &checkpoints, clock, say)?;
    let took = clock.elapsed().saturating_sub(began);
    let mut originals = Originals::default();
    let without_originals = ask.snapshot.is_some() && !ask.originals;
    if !without_originals {
        originals.compare(&config.ledger.originals, &verifier, say)?;
    }
    let mut reread = Reread::default();
    if ask.originals {
        reread.compare(&archive(&config.ledger.originals)?, &verifier, say)?;
    }
    let mut told = verified(&verification, originals, kept, took);
    told.rows_read_again = reread.rows;
    let found = [reread.found, on_record.found, signed, receipts.found, here.found].concat();
    told.sound &= found.is_empty();
    told.found.extend(found);
    told.keys = on_record.told;
    told.without_originals = without_originals;
    told.checkpoints_here = here_count;
    told.receipts = count(&ask.receipts);
    told.unsigned = if given.is_empty() { count(&ask.receipts) + count(&ask.checkpoints) } else { 0 };
    Ok(told)
}

/// The same for a ledger's copy, with the originals beside it, as they lie in a backup.
pub(super) fn verify_copy(ledger: &Path, originals: &Path, say: Say<'_>) -> Result<Verified, Failure> {
    let clock = SystemClock;
    let mut verifier = Verifier::open_copy(ledger).map_err(Told::told)?;
    let verification = recompute(&mut verifier, &[], clock, say)?;
    let mut compared = Originals::default();
    compared.compare(originals, &verifier, say)?;
    Ok(verified(&verification, compared, 0, clock.elapsed()))
}

fn recompute(
    verifier: &mut Verifier,
    checkpoints: &[Checkpoint],
    clock: SystemClock,
    say: Say<'_>,
) -> Result<Verification, Failure> {
    let mut pace = Pace::new(&clock);
    verifier
        .verify(checkpoints, &mut |progress| {
            if let Some(line) = pace.line(progress) {
                say(&line);
            }
            true
        })
        .map_err(Told::told)?
        .ok_or_else(|| failure("verification was stopped", Vec::new(), None))
}

fn count<T>(of: &[T]) -> u64 {
    u64::try_from(of.len()).unwrap_or(u64::MAX)
}

/// What receipts come to by themselves, where there is no ledger.
fn without_ledger(ask: &VerifyAsk, receipts: proofs::Checked) -> Verified {
    Verified {
        sound: receipts.found.is_empty(),
        ledger: false,
        entries: 0,
        blocks: 0,
        registrations: 0,
        without_originals: true,
        originals: 0,
        rows_read_again: 0,
        originals_removed: 0,
        checkpoints: 0,
        checkpoints_here: 0,
        receipts: count(&ask.receipts),
        unsigned: if ask.keys.is_empty() { count(&ask.receipts) } else { 0 },
        epochs: Vec::new(),
        keys: Vec::new(),
        lost: Vec::new(),
        found: receipts.found,
        more: 0,
        entries_per_second: 0,
    }
}

fn verified(told: &Verification, originals: Originals, checkpoints: usize, took: Duration) -> Verified {
    let (entries, blocks) = told.head.as_ref().map_or((0, 0), |head| (head.entries, head.blocks));
    let epochs = told.epochs.iter().map(|epoch| {
        let reason = epoch.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", shown(reason)));
        format!("epoch {} since {}, opened by {}{reason}", epoch.number, epoch.at, shown(&epoch.actor))
    });
    let found: Vec<String> = told.found.iter().map(ToString::to_string).chain(originals.found).collect();
    Verified {
        sound: found.is_empty(),
        ledger: true,
        entries,
        blocks,
        registrations: told.registrations,
        without_originals: false,
        originals: originals.compared,
        rows_read_again: 0,
        originals_removed: originals.removed,
        checkpoints: u64::try_from(checkpoints).unwrap_or(u64::MAX),
        checkpoints_here: 0,
        receipts: 0,
        unsigned: 0,
        epochs: epochs.collect(),
        keys: Vec::new(),
        lost: told.lost.iter().map(|lost| format!("{lost}, which was accepted")).collect(),
        found,
        more: told.more,
        entries_per_second: u64::try_from(u128::from(entries) * 1_000 / took.as_millis().max(1)).unwrap_or(0),
    }
}

/// Says how far it is, some times a second.
struct Pace<'a> {
    clock: &'a SystemClock,
    said: Option<Duration>,
    /// What is under way, and since when.
    part: Option<(Duration, Part)>,
}

impl<'a> Pace<'a> {
    const STEP: Duration = Duration::from_millis(100);

    fn new(clock: &'a SystemClock) -> Self {
        Self { clock, said: None, part: None }
    }

    fn line(&mut self, progress: Progress) -> Option<String> {
        let now = self.clock.elapsed();
        if self.said.is_some_and(|said| now.saturating_sub(said) < Self::STEP) {
            return None;
        }
        self.said = Some(now);
        let (began, part) = self.part.filter(|(_, part)| *part == progress.part).unwrap_or((now, progress.part));
        self.part = Some((began, part));
        Some(bar(progress, now.saturating_sub(began)))
    }
}

/// How wide a bar is.
const BAR: u64 = 24;

/// How far a part is that began so long ago, and how fast it goes.
fn bar(Progress { part, done, of }: Progress, took: Duration) -> String {
    let part = match part {
        Part::Entries => "entries",
        Part::States => "registrations",
        Part::Submissions => "submissions",
        Part::Indexes => "tables",
    };
    let of = of.max(done).max(1);
    let filled = usize::try_from(u128::from(done) * u128::from(BAR) / u128::from(of)).unwrap_or(0);
    let percent = u128::from(done) * 100 / u128::from(of);
    let rate = match per_second(done, took) {
        Some(rate) if part != "tables" => format!(", {rate} a second"),
        _ => String::new(),
    };
    let left = usize::try_from(BAR).unwrap_or(0).saturating_sub(filled);
    format!("verifying [{}{}] {percent:3} % of {of} {part}{rate}", "#".repeat(filled), ".".repeat(left))
}

/// So many in a second; none while nothing can be said yet.
fn per_second(done: u64, took: Duration) -> Option<u64> {
    if took.is_zero() {
        return None;
    }
    u64::try_from(u128::from(done) * 1_000_000 / took.as_micros().max(1)).ok()
}

/// The originals that the record names, some at a time, up to the first error.
pub(super) fn originals(verifier: &Verifier) -> impl Iterator<Item = Result<Vec<Original>, Failure>> {
    let mut after = None;
    std::iter::from_fn(move || match verifier.originals(after) {
        Ok(page) => {
            after = Some(page.last()?.0);
            Some(Ok(page.into_iter().map(|(_, original)| original).collect()))
        }
        Err(error) => Some(Err(error.told())),
    })
}

/// The archived originals, compared with the record.
#[derive(Default)]
struct Originals {
    compared: u64,
    removed: u64,
    found: Vec<String>,
}

impl Originals {
    /// Findings told in full, as for the ledger.
    const TOLD: usize = 100;

    fn compare(&mut self, folder: &Path, verifier: &Verifier, say: Say<'_>) -> Result<(), Failure> {
        let archive = archive(folder)?;
        for page in originals(verifier) {
            for original in page? {
                self.compare_one(&archive, &original);
            }
            say(&format!("verifying: originals {}", self.compared));
        }
        Ok(())
    }

    fn compare_one(&mut self, archive: &Archive, original: &Original) {
        let Original { submission, sha256, removed } = original;
        let wrong = match archive.copy_of(sha256).and_then(hash_of) {
            Ok(found) if found == *sha256.as_bytes() => None,
            Ok(_) => Some("was changed".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if *removed {
                    self.removed += 1;
                    return;
                }
                Some("is gone, and the record doesn't say that it was removed".to_owned())
            }
            Err(error) => Some(format!("can't be read ({error})")),
        };
        self.compared += 1;
        if let Some(wrong) = wrong.filter(|_| self.found.len() < Self::TOLD) {
            self.found.push(format!("the archived original {sha256} (submission {submission}) {wrong}"));
        }
    }
}

fn archive(folder: &Path) -> Result<Archive, Failure> {
    Archive::open(folder).map_err(|error| {
        let what = format!("the originals' folder {} can't be opened", shown(&folder.display().to_string()));
        failure(what, vec![error.to_string()], Some("run it as the daemon's user, or as root".to_owned()))
    })
}

fn hash_of(mut copy: File) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let read = copy.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(hasher.finalize().into());
        }
        hasher.update(bytes);
    }
}

/// The head of the record as a note, signed if a key is configured.
pub(super) fn head(config: &Config) -> Result<String, Failure> {
    let signer = keys::in_force(config)?;
    let reader = Reader::open(&config.ledger.path).map_err(Told::told)?;
    let mut tree = Tree::new();
    let head = reader.block_hashes(&mut |hash| tree.push(block_leaf(&hash))).map_err(Told::told)?;
    let head = head.ok_or_else(|| failure("the ledger has no entry yet", Vec::new(), None))?;
    Ok(noted(&head, tree.root(), signer.as_ref()))
}

/// The head of the record, with the root of its log, as a note; signed, if there is a key.
pub(super) fn noted(head: &Head, root: [u8; 32], signer: Option<&Signer>) -> String {
    signing::noted(&head.checkpoint(root, SystemClock.now()), signer)
}

/// The text of a file that somebody brought, if it is no longer than that.
pub(super) fn read(path: &Path, longest: u64) -> Result<String, Failure> {
    let open = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(longest).read_to_string(&mut text)?;
        Ok(text)
    };
    open().map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    failure(format!("{} can't be read", shown(&path.display().to_string())), vec![error.to_string()], None)
}

pub(super) fn unusable(path: &Path, what: &str, why: impl Display) -> Failure {
    failure(format!("{} is no {what}", shown(&path.display().to_string())), vec![why.to_string()], None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_tells_how_far_it_is_and_how_fast() {
        let at = |part, done, of, millis| bar(Progress { part, done, of }, Duration::from_millis(millis));
        insta::assert_snapshot!(
            [
                at(Part::Entries, 0, 2_000_000, 0),
                at(Part::Entries, 500_000, 2_000_000, 2_500),
                at(Part::States, 999_999, 1_000_000, 1_000),
                at(Part::Submissions, 0, 0, 10),
                at(Part::Indexes, 27, 27, 500),
                at(Part::Entries, u64::MAX, 1, 1),
            ]
            .join("\n"),
            @r"
        verifying [........................]   0 % of 2000000 entries
        verifying [######..................]  25 % of 2000000 entries, 200000 a second
        verifying [#######################.]  99 % of 1000000 registrations, 999999 a second
        verifying [........................]   0 % of 1 submissions, 0 a second
        verifying [########################] 100 % of 27 tables
        verifying [########################] 100 % of 18446744073709551615 entries
        "
        );
    }
}
