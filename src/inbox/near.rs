//! Names in a folder that were probably meant to be a CSV's marker or order file, and aren't to the letter.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::BorrowedFd;

use devicedrop_core::name::{self, Kind, Side};
use rustix::fs::Dir;

/// All markers and order files of one folder by what their names mean.
#[derive(Debug, Default)]
pub(super) struct NearNames {
    names: HashMap<(Side, Vec<u8>), Vec<Vec<u8>>>,
    /// Names that are right to the letter for a CSV that lies there.
    right: HashSet<Vec<u8>>,
}

impl NearNames {
    /// Lists a folder.
    pub(super) fn of(folder: BorrowedFd<'_>) -> io::Result<Self> {
        let mut near = Self::default();
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if let Some(means) = name::side_where_order_is_required(name) {
                near.names.entry(means).or_default().push(name.to_vec());
            }
            if name::classify(name) == Kind::Submission {
                near.right.insert(name::marker_name(name));
                near.right.insert(name::order_file_name(name));
            }
        }
        Ok(near)
    }

    /// A name that was probably meant for this CSV, and is nobody's to the letter. Where an order file is required,
    /// more names were.
    pub(super) fn meant_for(&self, side: Side, csv: &[u8], order_required: bool) -> Option<&[u8]> {
        let names = self.names.get(&(side, name::folded_csv(csv)))?;
        let counts = |name: &&Vec<u8>| order_required || name::side_of(name).is_some();
        names.iter().filter(|name| !self.right.contains(*name)).filter(counts).map(Vec::as_slice).min()
    }
}
