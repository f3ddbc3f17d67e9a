//! Paths in JSON: as text where they are UTF-8, else as the list of their bytes.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire {
    Text(String),
    Bytes(Vec<u8>),
}

impl Wire {
    fn of(path: &Path) -> Self {
        path.to_str()
            .map_or_else(|| Self::Bytes(path.as_os_str().as_bytes().to_vec()), |text| Self::Text(text.into()))
    }

    fn path(self) -> PathBuf {
        match self {
            Self::Text(text) => PathBuf::from(text),
            Self::Bytes(bytes) => PathBuf::from(OsString::from_vec(bytes)),
        }
    }
}

pub(super) mod one {
    use super::{Deserialize, Deserializer, Path, PathBuf, Serialize, Serializer, Wire};

    pub(in crate::control) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        Wire::of(path).serialize(serializer)
    }

    pub(in crate::control) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Wire::deserialize(deserializer).map(Wire::path)
    }
}

pub(super) mod many {
    use super::{Deserialize, Deserializer, PathBuf, Serializer, Wire};

    pub(in crate::control) fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| Wire::of(path)))
    }

    pub(in crate::control) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        Ok(Vec::<Wire>::deserialize(deserializer)?.into_iter().map(Wire::path).collect())
    }
}

pub(super) mod maybe {
    use super::{Deserialize, Deserializer, PathBuf, Serialize, Serializer, Wire};

    #[expect(clippy::ref_option, reason = "serde hands it over so")]
    pub(in crate::control) fn serialize<S: Serializer>(
        path: &Option<PathBuf>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        path.as_deref().map(Wire::of).serialize(serializer)
    }

    pub(in crate::control) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<Wire>::deserialize(deserializer)?.map(Wire::path))
    }
}
