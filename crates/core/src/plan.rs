//! What a file in a drop folder is to the record: unchanged, touched, delivered again, moved or new.
//!
//! Also: whether a folder is still the drop folder that it was. Who looks at folders and files lives in the inbox.

use crate::settle::Stamp;

/// How a known file differs from what is known of it, before anybody reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// In nothing.
    None,
    /// The same file on a file system that was mounted anew: no delivery, only its numbers changed.
    Remounted,
    /// In its ctime only, or in its file system: mode, owner or links changed, or a forger hid a change of the
    /// content. Its content must be compared to tell.
    Attributes,
    /// Written or put there again.
    Delivered,
}

/// Compares what is `known` of a path with what was `seen` there.
///
/// `inodes_last`: the file system gives a file one inode for as long as it lives (some network and user-space file
/// systems number files anew whenever they forgot them).
pub fn compare(known: &Stamp, seen: &Stamp, inodes_last: bool) -> Change {
    let same_mount = known.dev == seen.dev;
    let same_inode = known.ino == seen.ino;
    let reborn = matches!((known.born_ns, seen.born_ns), (Some(then), Some(now)) if then != now);
    if known.size != seen.size || known.mtime_ns != seen.mtime_ns {
        Change::Delivered
    } else if same_mount && same_inode {
        match (reborn, known.ctime_ns == seen.ctime_ns) {
            (true, _) => Change::Delivered,
            (false, true) => Change::None,
            (false, false) => Change::Attributes,
        }
    } else if same_mount && (inodes_last || known.ctime_ns != seen.ctime_ns) {
        Change::Delivered
    } else if known.ctime_ns == seen.ctime_ns && (same_inode || !inodes_last) {
        Change::Remounted
    } else {
        Change::Attributes
    }
}

/// What a known file's reading showed it to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Its attributes changed and nothing else: no delivery.
    Touched,
    /// The same content was delivered again.
    Again,
    /// Its content is another.
    Replaced,
}

/// Judges a file whose content was read and compared.
pub fn judge(change: Change, same_content: bool, writer_seen: bool) -> Fate {
    match (same_content, change) {
        (false, _) => Fate::Replaced,
        (true, Change::Delivered) => Fate::Again,
        (true, Change::None | Change::Remounted | Change::Attributes) if writer_seen => Fate::Again,
        (true, Change::None | Change::Remounted | Change::Attributes) => Fate::Touched,
    }
}

/// Whether a file at a new path can be a known one that was moved there: the same file, size and time of writing.
///
/// A rename changes the ctime on most file systems, so that isn't compared; the content is, later.
pub fn may_be_moved(known: &Stamp, seen: &Stamp) -> bool {
    known.ino == seen.ino && known.size == seen.size && known.mtime_ns == seen.mtime_ns
}

/// What tells one folder from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FolderId {
    /// The file system's number.
    pub dev: u64,
    /// The folder's number in its file system.
    pub ino: u64,
}

/// What to do about the folder that now lies at a drop folder's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FolderFate {
    /// It is the drop folder.
    Use,
    /// It may be an empty mount point: the folder is offline until something lies in it or the old one is back.
    EmptyMountPoint,
    /// Another folder than before: the folder is offline until it was seen twice.
    Replaced,
}

/// Judges the folder that lies at a drop folder's path.
///
/// `known`: what the drop folder was last; `before`: what the look before this one found at the path; `empty` is
/// asked only when it matters.
pub fn judge_folder(
    known: Option<FolderId>,
    before: Option<FolderId>,
    found: FolderId,
    empty: impl FnOnce() -> bool,
) -> FolderFate {
    match known {
        None => FolderFate::Use,
        // A file system keeps the number of its topmost folder over mounts, but not its own number.
        Some(known) if known.ino == found.ino => FolderFate::Use,
        Some(known) if known.dev != found.dev && empty() => FolderFate::EmptyMountPoint,
        Some(_) if before == Some(found) => FolderFate::Use,
        Some(_) => FolderFate::Replaced,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: Stamp = Stamp { dev: 1, ino: 2, size: 3, mtime_ns: 4, ctime_ns: 5, born_ns: Some(6) };

    #[test]
    fn each_way_of_differing_has_its_meaning() {
        let cases = [
            (KNOWN, Change::None),
            (Stamp { born_ns: None, ..KNOWN }, Change::None),
            (Stamp { dev: 9, ..KNOWN }, Change::Remounted),
            (Stamp { ctime_ns: 9, ..KNOWN }, Change::Attributes),
            (Stamp { dev: 9, ctime_ns: 9, ..KNOWN }, Change::Attributes),
            (Stamp { dev: 9, ino: 9, ..KNOWN }, Change::Attributes),
            (Stamp { size: 9, ..KNOWN }, Change::Delivered),
            (Stamp { mtime_ns: 9, ..KNOWN }, Change::Delivered),
            (Stamp { dev: 9, mtime_ns: 9, ..KNOWN }, Change::Delivered),
            (Stamp { ino: 9, ..KNOWN }, Change::Delivered),
            (Stamp { ino: 9, ctime_ns: 9, ..KNOWN }, Change::Delivered),
            (Stamp { ctime_ns: 9, born_ns: Some(9), ..KNOWN }, Change::Delivered),
        ];
        for (seen, change) in cases {
            assert_eq!(compare(&KNOWN, &seen, true), change, "{seen:?}");
        }
    }

    #[test]
    fn where_inodes_do_not_last_another_one_alone_says_nothing() {
        assert_eq!(compare(&KNOWN, &Stamp { ino: 9, ..KNOWN }, false), Change::Remounted);
        assert_eq!(compare(&KNOWN, &Stamp { dev: 9, ino: 9, ..KNOWN }, false), Change::Remounted);
        assert_eq!(compare(&KNOWN, &Stamp { ino: 9, ctime_ns: 9, ..KNOWN }, false), Change::Delivered);
    }

    proptest! {
        #[test]
        fn whatever_can_be_sent_anew_is_read_anew(
            numbers in prop::array::uniform5(0_u64..3), times in prop::array::uniform2(0_i64..3), lasting: bool,
        ) {
            let [dev, ino, size, ..] = numbers;
            let [mtime_ns, ctime_ns] = times;
            let seen = Stamp { dev, ino, size, mtime_ns, ctime_ns, born_ns: None };
            let known = Stamp { dev: 1, ino: 1, size: 1, mtime_ns: 1, ctime_ns: 1, born_ns: None };
            let unread = matches!(compare(&known, &seen, lasting), Change::None | Change::Remounted);
            // The ctime can't be forged: as long as it is looked at, no change of the content goes unread.
            prop_assert!(!unread || (seen.ctime_ns, seen.size, seen.mtime_ns) == (1, 1, 1));
        }
    }

    #[test]
    fn only_what_was_written_is_a_delivery() {
        assert_eq!(judge(Change::Attributes, true, false), Fate::Touched);
        assert_eq!(judge(Change::Attributes, true, true), Fate::Again);
        assert_eq!(judge(Change::Delivered, true, false), Fate::Again);
        assert_eq!(judge(Change::Attributes, false, false), Fate::Replaced);
    }

    #[test]
    fn a_folder_is_believed_only_if_it_is_the_one() {
        let known = FolderId { dev: 1, ino: 1 };
        let other = FolderId { dev: 1, ino: 2 };
        let elsewhere = FolderId { dev: 2, ino: 2 };
        let full = || false;
        let empty = || true;
        assert_eq!(judge_folder(None, None, other, empty), FolderFate::Use);
        assert_eq!(judge_folder(Some(known), None, known, empty), FolderFate::Use);
        assert_eq!(judge_folder(Some(known), None, FolderId { dev: 2, ..known }, empty), FolderFate::Use);
        assert_eq!(judge_folder(Some(known), Some(elsewhere), elsewhere, empty), FolderFate::EmptyMountPoint);
        assert_eq!(judge_folder(Some(known), Some(known), elsewhere, full), FolderFate::Replaced);
        assert_eq!(judge_folder(Some(known), Some(elsewhere), elsewhere, full), FolderFate::Use);
        assert_eq!(judge_folder(Some(known), Some(known), other, empty), FolderFate::Replaced);
        assert_eq!(judge_folder(Some(known), Some(other), other, empty), FolderFate::Use);
    }
}
