//! The asking side of the control socket, blocking: a command has nothing else to do while it waits.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::control::protocol::{Answer, MAX_LINE, Refusal, Reply, Request};

/// A connection to the daemon; it carries one request.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
}

/// Why the daemon couldn't be asked, or what it refused.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket can't be reached for another reason than that no daemon runs.
    #[error("can't reach the daemon by {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to the daemon broke off")]
    Broken(#[source] io::Error),
    /// The daemon went away before it answered; what was asked may have been done all the same.
    #[error("the daemon went away before it answered; `devicedrop status` tells what was done")]
    NoAnswer,
    /// The reply isn't one: the daemon is of another version than this command.
    #[error("the daemon's reply can't be understood; is it of another version than this command?")]
    NotUnderstood(#[source] serde_json::Error),
    /// The request can't be put into words.
    #[error("the request can't be sent")]
    NotSendable(#[source] serde_json::Error),
    /// The daemon said no.
    #[error("{}", .0.message)]
    Refused(Refusal),
}

impl Client {
    /// Connects to the daemon behind this socket; `None` when none runs.
    pub fn connect(socket: &Path) -> Result<Option<Self>, ClientError> {
        match UnixStream::connect(socket) {
            Ok(stream) => Ok(Some(Self { stream })),
            // A socket that nobody listens on is what a killed daemon leaves behind.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(source) => Err(ClientError::Connect { path: socket.to_owned(), source }),
        }
    }

    /// Asks, and waits for the answer; `on_progress` is called with each reply before it.
    pub fn ask(self, request: &Request, mut on_progress: impl FnMut(&Reply)) -> Result<Answer, ClientError> {
        let mut line = serde_json::to_vec(request).map_err(ClientError::NotSendable)?;
        line.push(b'\n');
        (&self.stream).write_all(&line).map_err(ClientError::Broken)?;
        let mut replies = BufReader::new(&self.stream);
        loop {
            match read_line(&mut replies)? {
                Reply::Done(answer) => return Ok(answer),
                Reply::Refused(refusal) => return Err(ClientError::Refused(refusal)),
                progress @ Reply::Progress { .. } => on_progress(&progress),
            }
        }
    }
}

fn read_line(replies: &mut impl BufRead) -> Result<Reply, ClientError> {
    let mut line = Vec::new();
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    replies.take(limit).read_until(b'\n', &mut line).map_err(ClientError::Broken)?;
    if line.last() != Some(&b'\n') {
        return Err(ClientError::NoAnswer);
    }
    serde_json::from_slice(&line).map_err(ClientError::NotUnderstood)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use devicedrop_core::device::Device;
    use devicedrop_core::ids::RegistrationId;

    use super::*;
    use crate::control::protocol::{Decision, Devices, Retried, Retry};

    /// Answers one connection with these lines; returns the line that was asked.
    fn serve(listener: UnixListener, lines: &'static [u8]) -> thread::JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            let mut asked = Vec::new();
            BufReader::new(&stream).read_until(b'\n', &mut asked).expect("a request");
            (&stream).write_all(lines).expect("an answer");
            asked
        })
    }

    fn ask(lines: &'static [u8], on_progress: impl FnMut(&Reply)) -> Result<Answer, ClientError> {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("control.sock");
        let daemon = serve(UnixListener::bind(&socket).expect("a socket"), lines);
        let client = Client::connect(&socket).expect("reached").expect("running");
        let answer = client.ask(&Request::Retry(Retry::default()), on_progress);
        let asked: Request = serde_json::from_slice(&daemon.join().expect("no panic")).expect("a request");
        assert_eq!(asked, Request::Retry(Retry::default()));
        answer
    }

    #[test]
    fn progress_comes_before_the_answer() {
        let lines = b"{\"progress\":{\"what\":\"reading\",\"done\":1,\"total\":null}}\n\
            {\"done\":{\"retried\":{\"registrations\":2,\"submissions\":0,\"superseded_left_out\":0,\"not_valid_left_out\":0}}}\n";
        let mut seen = 0;
        let answer = ask(lines, |_| seen += 1).expect("an answer");
        assert_eq!(answer, Answer::Retried(Retried { registrations: 2, ..Retried::default() }));
        assert_eq!(seen, 1);
    }

    #[test]
    fn an_answer_that_breaks_off_is_no_answer() {
        assert!(matches!(ask(b"{\"done\":", |_| {}), Err(ClientError::NoAnswer)));
        assert!(matches!(ask(b"nonsense\n", |_| {}), Err(ClientError::NotUnderstood(_))));
    }

    #[test]
    fn without_a_daemon_there_is_no_client() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("control.sock");
        assert!(Client::connect(&socket).expect("no error").is_none());
        drop(UnixListener::bind(&socket).expect("a socket"));
        assert!(Client::connect(&socket).expect("no error").is_none(), "a killed daemon's socket");
    }

    #[test]
    fn every_request_comes_through_whole() {
        use std::os::unix::ffi::OsStringExt;
        let odd = PathBuf::from(std::ffi::OsString::from_vec(b"/drop/caf\xe9.csv".to_vec()));
        let device = Device { manufacturer: "M".into(), model: "N".into(), serial_number: "S".into() };
        let requests = [
            Request::Status,
            Request::Explain { path: odd.clone() },
            Request::Retry(Retry { superseded: true, ..Retry::default() }),
            Request::Resolve {
                registration: RegistrationId::new(7).expect("a number"),
                decision: Decision::Registered,
                reason: "told by phone".into(),
            },
            Request::Result { path: "/drop/a.csv".into() },
            Request::RegistryImport { files: vec![odd.clone()] },
            Request::RegistryRelease { devices: Devices::One(device), customer: None },
            Request::RegistryCheckIn { devices: Devices::File(odd), at: None },
            Request::BackedUp { dir: "/backup".into(), blocks: 3, head: "00ff".into(), with_key: true },
            Request::Reload,
            Request::ReloadIfChanged,
        ];
        for request in requests {
            let line = serde_json::to_string(&request).expect("words");
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Request>(&line).expect("understood"), request, "{line}");
        }
    }
}
