//! What we last wrote at the names of a folder, as noted beside the record: so that nothing is replaced but our own, and
//! what its sender changed is noticed.

use std::fmt;
use std::io;

use devicedrop_core::device::Sha256;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::settle::Stamp;

use crate::durable;
use crate::inbox::DropPath;
use crate::results::{Ours, Placed};

use super::shared::{AskError, Shared};

/// The topic of the notes that tell what we last wrote at a path.
pub(super) const WRITTEN: &str = "written";

/// The topic of the notes that tell what we are about to write at a path: after a crash it may stand there.
const WRITING: &str = "writing";

/// The topic of the notes that tell which contents we wrote as answers that aren't results on record.
const ANSWER: &str = "answer";

/// The topic of the notes that tell what we wrote of files that weren't taken, by its inode: on the way to where it is
/// taken, a file often brings that along.
const NOTICE: &str = "notice";

/// A file of ours: as it was written, and what it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Noted {
    /// The SHA-256 of its bytes.
    pub(super) sha256: Sha256,
    ino: u64,
    bytes: u64,
    mtime_ns: i64,
    /// The path of what it answers. Names that are cut short may meet.
    of: String,
}

impl Noted {
    /// What stands in its place, as the answer to `of`.
    pub(super) fn placed(placed: &Placed, of: &DropPath) -> Self {
        let Placed { sha256, bytes, ino, mtime_ns, .. } = placed;
        Self { sha256: *sha256, ino: *ino, bytes: *bytes, mtime_ns: *mtime_ns, of: of.text() }
    }

    /// The same file as the answer to something else: both were moved.
    pub(super) fn now_of(self, of: &DropPath) -> Self {
        Self { of: of.text(), ..self }
    }

    /// Whether a look is enough to tell that the file in this state is still that.
    pub(super) fn is(&self, stamp: &Stamp) -> bool {
        (self.ino, self.bytes, self.mtime_ns) == (stamp.ino, stamp.size, stamp.mtime_ns)
    }

    /// Reads a note.
    pub(super) fn read(note: &str) -> Option<Self> {
        let mut parts = note.splitn(5, ' ');
        let mut next = || parts.next();
        let (sha256, ino, bytes, mtime_ns) = (next()?, next()?, next()?, next()?);
        Some(Self {
            sha256: sha256.parse().ok()?,
            ino: ino.parse().ok()?,
            bytes: bytes.parse().ok()?,
            mtime_ns: mtime_ns.parse().ok()?,
            of: next()?.to_owned(),
        })
    }
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sha256, ino, bytes, mtime_ns, of } = self;
        write!(f, "{sha256} {ino} {bytes} {mtime_ns} {of}")
    }
}

/// Says that an answer without a place among the results on record has this hash. Returns once that is on record.
pub(super) fn note_answer(shared: &Shared, sha256: &Sha256) {
    let noted = shared.writer.note(None, ANSWER.to_owned(), sha256.to_string(), Some(String::new()));
    if let Err(error) = noted.wait() {
        tracing::error!(error = %error, "the content of an answer could not be noted");
    }
}

/// Notes an answer to a file that wasn't taken.
pub(super) fn note_notice(shared: &Shared, customer: &CustomerKey, placed: &Placed, of: &DropPath) {
    note_answer(shared, &placed.sha256);
    let note = Some(Noted::placed(placed, of).to_string());
    let noted = [(WRITTEN, of.beside(&placed.name).text()), (NOTICE, placed.ino.to_string())]
        .map(|(topic, key)| shared.writer.note(Some(customer.clone()), topic.to_owned(), key, note.clone()));
    for noted in noted {
        if let Err(error) = noted.wait() {
            tracing::error!(error = %error, "an answer that is in place could not be noted");
        }
    }
}

/// Whether something with this hash was written by us, at any path, as far as that is on record.
pub(super) fn anywhere(shared: &Shared, sha256: &Sha256) -> Result<bool, AskError> {
    let noted = |reader: &crate::ledger::Reader| reader.note(None, ANSWER, &sha256.to_string());
    shared.readers.ask(|reader| Ok(noted(reader)?.is_some() || reader.is_result(sha256)?))
}

/// What we last wrote at the names of a folder.
pub(super) struct Written<'a> {
    shared: &'a Shared,
    customer: &'a CustomerKey,
    path: &'a DropPath,
}

impl<'a> Written<'a> {
    /// What we wrote beside this path, in answer to what lies there.
    pub(super) fn new(shared: &'a Shared, customer: &'a CustomerKey, path: &'a DropPath) -> Self {
        Self { shared, customer, path }
    }

    /// Each content that may stand under this name, whatever it answers.
    pub(super) fn any(&self, name: &[u8]) -> Vec<Noted> {
        let key = self.path.beside(name).text();
        let noted = |topic| {
            let note = self.shared.readers.ask(|reader| reader.note(Some(self.customer), topic, &key));
            note.ok().flatten().as_deref().and_then(Noted::read)
        };
        [WRITTEN, WRITING].into_iter().filter_map(noted).collect()
    }

    fn ours(&self, name: &[u8]) -> impl Iterator<Item = Noted> {
        let of = self.path.text();
        self.any(name).into_iter().filter(move |noted| noted.of == of)
    }
}

impl Ours for Written<'_> {
    fn last_written(&mut self, name: &[u8]) -> Vec<Sha256> {
        self.ours(name).map(|noted| noted.sha256).collect()
    }

    fn largest_written(&mut self, name: &[u8]) -> Option<u64> {
        self.ours(name).map(|noted| noted.bytes).max()
    }

    fn moved_here(&mut self, file: &Stamp) -> Option<Sha256> {
        let note = |reader: &crate::ledger::Reader| reader.note(Some(self.customer), NOTICE, &file.ino.to_string());
        let noted = Noted::read(&self.shared.readers.ask(note).ok().flatten()?)?;
        noted.is(file).then_some(noted.sha256)
    }

    fn about_to_write(&mut self, name: &[u8], written: &durable::Written) -> io::Result<()> {
        let (customer, key) = (Some(self.customer.clone()), self.path.beside(name).text());
        let durable::Written { file, sha256, bytes, mtime_ns } = *written;
        let noted = Noted { sha256, ino: file.ino, bytes, mtime_ns, of: self.path.text() };
        let noted = self.shared.writer.note(customer, WRITING.to_owned(), key, Some(noted.to_string()));
        noted.wait().map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_what_was_noted() {
        let noted =
            Noted { sha256: Sha256::of(b"x"), ino: 7, bytes: 1, mtime_ns: -5, of: "PO 1/a  b.csv".to_owned() };
        assert_eq!(Noted::read(&noted.to_string()), Some(noted));
        for wrong in ["", "x", &Sha256::of(b"x").to_string()] {
            assert_eq!(Noted::read(wrong), None, "{wrong}");
        }
    }
}
