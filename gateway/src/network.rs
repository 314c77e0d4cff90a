//! Reads a network's folder; what the files mean is the twin's business.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use twin::network::{FILES, Network, NetworkError, Parts, parse, write};

/// Why there is no network.
#[derive(Debug)]
pub enum NetworkLoadError {
    /// A file cannot be read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The files are wrong.
    Wrong {
        /// Where they are.
        folder: PathBuf,
        /// What is wrong, each with file, line and field.
        errors: Vec<NetworkError>,
    },
}

/// A network's folder or a file in it cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct NetworkSaveError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

impl fmt::Display for NetworkLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Wrong { folder, errors } => {
                write!(f, "the network in {} has {} error(s):", folder.display(), errors.len())?;
                errors.iter().try_for_each(|error| write!(f, "\n  {error}"))
            }
        }
    }
}

impl std::error::Error for NetworkLoadError {}

/// Writes a network into `folder`, made if it is not there; files of the same names are replaced.
pub fn save(parts: &Parts, folder: &Path) -> Result<(), NetworkSaveError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| NetworkSaveError { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    for (name, text) in write(parts) {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(())
}

/// Reads the network in `folder`.
pub fn load(folder: &Path) -> Result<Network, NetworkLoadError> {
    let mut texts = Vec::new();
    for name in FILES {
        let path = folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => texts.push((*name, text)),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(NetworkLoadError::Read { path, source }),
        }
    }
    let find = |name: &str| texts.iter().find(|(known, _)| *known == name).map(|(_, text)| Cow::from(text.as_str()));
    parse(&find).map_err(|errors| NetworkLoadError::Wrong { folder: folder.to_path_buf(), errors })
}
