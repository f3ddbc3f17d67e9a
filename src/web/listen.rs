//! Where the page can be reached: a TCP address, a Unix socket, or a socket that systemd passes.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

/// A Unix socket is for its owner and the group.
const SOCKET_MODE: u32 = 0o660;

/// Where the configuration wants the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On a TCP address.
    Address(SocketAddr),
    /// On a Unix socket.
    Unix(PathBuf),
    /// Nowhere.
    Off,
}

/// The page can't be reached as configured.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address can't be had.
    #[error(
        "the web page can't listen on {address}: set `web.listen` to another address, or to \"off\", or end the program \
         that has this one"
    )]
    Address {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The socket can't be made.
    #[error(
        "the web page can't listen on the socket {path}: set `web.listen` to another path, or to \"off\"",
        path = .path.display()
    )]
    Unix {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// What systemd passed can't be used.
    #[error(
        "the socket that systemd passed for the web page can't be used: pass one stream socket, TCP or Unix, or \
         disable the socket unit and set `web.listen`"
    )]
    Passed(#[source] io::Error),
}

/// A socket that listens.
#[derive(Debug)]
pub enum Listening {
    /// On this TCP address.
    Tcp(TcpListener, SocketAddr),
    /// On a Unix socket, at this path if we made it.
    Unix(UnixListener, Option<PathBuf>),
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Self::Unix(_, Some(path)) = self
            && let Err(error) = rustix::fs::unlink(path.as_path())
        {
            tracing::debug!(error = %error, "the web page's socket is left lying; the next daemon takes its place");
        }
    }
}

/// Listens where systemd says, or else where the configuration does; nowhere if neither says so.
pub fn open(place: &Place) -> Result<Option<Listening>, ListenError> {
    if let Some(passed) = passed()? {
        return Ok(Some(passed));
    }
    match place {
        Place::Off => Ok(None),
        Place::Address(address) => {
            let failed = |cause| ListenError::Address { address: *address, cause };
            let listener = std::net::TcpListener::bind(address).map_err(failed)?;
            tcp(listener).map(Some).map_err(failed)
        }
        Place::Unix(path) => unix(path).map(Some).map_err(|cause| ListenError::Unix { path: path.clone(), cause }),
    }
}

fn tcp(listener: std::net::TcpListener) -> io::Result<Listening> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok(Listening::Tcp(TcpListener::from_std(listener)?, address))
}

/// The socket that systemd passed, if it passed one to this process.
fn passed() -> Result<Option<Listening>, ListenError> {
    let mut passed = ListenFd::from_env();
    if passed.len() == 0 {
        return Ok(None);
    }
    // Which kind it is shows in whether it can be taken as that.
    if let Ok(Some(listener)) = passed.take_tcp_listener(0) {
        return tcp(listener).map(Some).map_err(ListenError::Passed);
    }
    let listener = passed.take_unix_listener(0).map_err(ListenError::Passed)?;
    let Some(listener) = listener else { return Ok(None) };
    listener.set_nonblocking(true).map_err(ListenError::Passed)?;
    let listener = UnixListener::from_std(listener).map_err(ListenError::Passed)?;
    Ok(Some(Listening::Unix(listener, None)))
}

/// Makes a socket at `path`. It gets its name once it has its mode; what is replaced is a dead socket and nothing else.
fn unix(path: &Path) -> io::Result<Listening> {
    match std::fs::symlink_metadata(path) {
        Ok(about) if !about.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is no socket lies there"));
        }
        Ok(_) if StdUnixStream::connect(path).is_ok() => {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another program listens there"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}", std::process::id()));
    let aside = PathBuf::from(aside);
    let listener = UnixListener::bind(&aside)?;
    let placed = std::fs::set_permissions(&aside, std::fs::Permissions::from_mode(SOCKET_MODE))
        .and_then(|()| rustix::fs::rename(&aside, path).map_err(io::Error::from));
    if let Err(error) = placed {
        // The first error is the one to tell.
        rustix::fs::unlink(&aside).unwrap_or_default();
        return Err(error);
    }
    Ok(Listening::Unix(listener, Some(path.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_takes_a_dead_ones_place_and_nothing_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listening = unix(&path).unwrap();
        let about = path.symlink_metadata().unwrap();
        assert!(about.file_type().is_socket());
        assert_eq!(about.permissions().mode() & 0o777, SOCKET_MODE);
        assert_eq!(unix(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listening);
        assert!(!path.exists());
        std::fs::write(&path, "a file").unwrap();
        assert_eq!(unix(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"a file");
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named_with_what_to_do() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = open(&Place::Address(address)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the web page can't listen on {address}: set `web.listen`")), "{error}");
        assert!(open(&Place::Off).unwrap().is_none());
    }
}
