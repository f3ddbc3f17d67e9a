//! Where a file lies inside its drop folder: a name, or a folder's and a name. Bytes, as the file system has them.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The path of a file, relative to its drop folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DropPath {
    bytes: Vec<u8>,
}

impl DropPath {
    /// A file directly in the drop folder.
    pub fn file(name: &[u8]) -> Self {
        Self { bytes: name.to_vec() }
    }

    /// A file in a folder of the drop folder.
    pub fn in_folder(folder: &[u8], name: &[u8]) -> Self {
        Self { bytes: [folder, b"/", name].concat() }
    }

    /// A path as it was given out by [`bytes`](Self::bytes).
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec() }
    }

    /// The whole path.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file's own name.
    pub fn name(&self) -> &[u8] {
        self.bytes.rsplit(|byte| *byte == b'/').next().unwrap_or(&self.bytes)
    }

    /// The folder it lies in, if not the drop folder itself: an order ID.
    pub fn folder(&self) -> Option<&[u8]> {
        let mut parts = self.bytes.rsplitn(2, |byte| *byte == b'/');
        parts.next();
        parts.next()
    }

    /// How many folders lie between the drop folder and this.
    pub fn depth(&self) -> usize {
        self.bytes.split(|byte| *byte == b'/').count().saturating_sub(1)
    }

    /// The whole path, to be joined to the drop folder's; for showing and asking, never for opening.
    pub fn os_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.bytes))
    }

    /// The path of another file beside this one.
    #[must_use]
    pub fn beside(&self, name: &[u8]) -> Self {
        match self.folder() {
            Some(folder) => Self::in_folder(folder, name),
            None => Self::file(name),
        }
    }

    /// The path as the record has it: bytes that aren't UTF-8 stand as `\xNN`.
    pub fn text(&self) -> String {
        devicedrop_core::name::path_text(&self.bytes)
    }
}

impl fmt::Debug for DropPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_falls_into_its_parts() {
        let plain = DropPath::file(b"devices.csv");
        assert_eq!((plain.folder(), plain.name()), (None, &b"devices.csv"[..]));
        let inside = DropPath::in_folder(b"PO-4711", b"a\xFF.csv");
        assert_eq!((inside.folder(), inside.name()), (Some(&b"PO-4711"[..]), &b"a\xFF.csv"[..]));
        assert_eq!(inside.text(), "PO-4711/a\\xff.csv");
        assert_eq!(inside.beside(b"b").text(), "PO-4711/b");
    }
}
