//! A little HTTP server on loopback that answers as a test says, and misbehaves as it says: on plain sockets, with
//! nothing of the client's libraries in it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What a server does with one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers.
    Answer {
        /// The status.
        status: u16,
        /// Headers beyond the length.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Writes these bytes, whatever they are, and closes the connection.
    Raw(Vec<u8>),
    /// Reads the request and closes the connection without a word.
    Close,
    /// Reads the request and says nothing, until the client goes away.
    Silence,
    /// Answers with these bytes and says nothing more, until the client goes away.
    Stall(Vec<u8>),
    /// Begins a body that never ends.
    Endless,
}

impl Reply {
    /// An answer of JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self::Answer { status, headers, body: body.to_string().into_bytes() }
    }

    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: Vec::new() }
    }

    /// The answer with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Path and query; for a proxy, the whole address.
    pub target: String,
    /// Names as sent, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    /// A header's value, whatever its name's case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A field of a body that is a form.
    pub fn field(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (_, value) = text.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?;
        Some(decoded(value))
    }
}

fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).unwrap_or_default();
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => u8::try_from(digit() * 16 + digit()).unwrap_or_default(),
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The server. Ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct HttpScript {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

type Answering = dyn Fn(&Seen) -> Reply + Send + Sync;

struct Shared {
    reply: Box<Answering>,
    hangs_up: bool,
    seen: Mutex<Vec<Seen>>,
    came: Condvar,
    ended: AtomicBool,
    connections: Mutex<Vec<(TcpStream, JoinHandle<()>)>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("seen", &self.seen).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpScript {
    /// Answers with these, one for each request, and with 500 after the last.
    pub fn list(replies: impl IntoIterator<Item = Reply>) -> Result<Self> {
        let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
        Self::by(move |_| locked(&replies).pop_front().unwrap_or_else(|| Reply::empty(500)))
    }

    /// Answers with what `reply` says of each request.
    pub fn by(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::start(Box::new(reply), false)
    }

    /// Closes each connection once it has seen the head of a request, its body unread.
    pub fn hanging_up() -> Result<Self> {
        Self::start(Box::new(|_| Reply::Close), true)
    }

    fn start(reply: Box<Answering>, hangs_up: bool) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port on loopback")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            reply,
            hangs_up,
            seen: Mutex::default(),
            came: Condvar::new(),
            ended: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let accepting = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self { address, shared, accepting: Some(accepting) })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, in the order in which they came.
    pub fn seen(&self) -> Vec<Seen> {
        locked(&self.shared.seen).clone()
    }

    /// Waits until so many requests came, at most a minute.
    pub fn wait_for(&self, count: usize) -> Result<Vec<Seen>> {
        let seen = locked(&self.shared.seen);
        let waited = self.shared.came.wait_timeout_while(seen, Duration::from_mins(1), |seen| seen.len() < count);
        let (seen, _) = waited.unwrap_or_else(PoisonError::into_inner);
        ensure!(seen.len() >= count, "waited for {count} requests, and these came: {seen:?}");
        Ok(seen.clone())
    }
}

impl Drop for HttpScript {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes who accepts; fails where nobody does any more.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap_or_default();
        }
        for (stream, serving) in std::mem::take(&mut *locked(&self.shared.connections)) {
            stream.shutdown(Shutdown::Both).unwrap_or_default();
            serving.join().unwrap_or_default();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Ok(ours) = stream.try_clone() else { continue };
        let serving = std::thread::spawn({
            let shared = Arc::clone(shared);
            // A client that goes away in the middle is no failure of the server's.
            move || drop(serve(&stream, &shared))
        });
        locked(&shared.connections).push((ours, serving));
    }
}

/// Serves one connection until either side has enough.
fn serve(stream: &TcpStream, shared: &Shared) -> Result<()> {
    let served = exchanges(stream, shared);
    stream.shutdown(Shutdown::Both).unwrap_or_default();
    served
}

fn exchanges(mut stream: &TcpStream, shared: &Shared) -> Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(mut seen) = head(&mut reader)? {
        if shared.hangs_up {
            return Ok(());
        }
        let length = seen.header("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0);
        reader.by_ref().take(length).read_to_end(&mut seen.body)?;
        let reply = (shared.reply)(&seen);
        locked(&shared.seen).push(seen);
        shared.came.notify_all();
        match reply {
            Reply::Answer { status, headers, body } => {
                let mut text = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in &headers {
                    text.extend([name, ": ", value, "\r\n"]);
                }
                text.push_str("\r\n");
                stream.write_all(&[text.as_bytes(), &body].concat())?;
            }
            Reply::Raw(bytes) => return Ok(stream.write_all(&bytes)?),
            Reply::Close => return Ok(()),
            Reply::Silence => return until_gone(&mut reader),
            Reply::Stall(bytes) => {
                stream.write_all(&bytes)?;
                return until_gone(&mut reader);
            }
            Reply::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                loop {
                    stream.write_all(&[b'x'; 4 * 1024])?;
                }
            }
        }
    }
    Ok(())
}

fn until_gone(reader: &mut impl Read) -> Result<()> {
    std::io::copy(reader, &mut std::io::sink())?;
    Ok(())
}

/// The head of the next request; none where the client is done.
fn head(reader: &mut impl BufRead) -> Result<Option<Seen>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = words.next().zip(words.next()).context("no request line")?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        ensure!(reader.read_line(&mut line)? > 0, "the head of a request ended");
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(Some(Seen { method, target, headers, body: Vec::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(to: &HttpScript, text: &str) -> Result<String> {
        let mut stream = TcpStream::connect(to.address())?;
        stream.write_all(text.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn answers_come_in_their_order_and_what_came_is_kept() -> Result<()> {
        let script = HttpScript::list([Reply::json(200, &Value::Null).with("X", "y"), Reply::empty(204)])?;
        let one = "POST /a?b HTTP/1.1\r\nContent-Length: 11\r\n\r\na=b+c%21&d=";
        let two = "GET /c HTTP/1.1\r\nHost: h\r\n\r\n";
        let answers = say(&script, &[one, two].concat())?;
        assert!(answers.starts_with("HTTP/1.1 200 Scripted\r\nContent-Length: 4\r\n"), "{answers}");
        assert!(answers.contains("X: y\r\n\r\nnullHTTP/1.1 204"), "{answers}");
        let seen = script.wait_for(2)?;
        assert_eq!((seen[0].target.as_str(), seen[0].field("a").as_deref()), ("/a?b", Some("b c!")));
        assert_eq!(seen[1].header("host"), Some("h"));
        Ok(())
    }

    #[test]
    fn it_hangs_up_as_it_is_told() -> Result<()> {
        let script = HttpScript::list([Reply::Close, Reply::Raw(b"odd".to_vec())])?;
        assert_eq!(say(&script, "GET / HTTP/1.1\r\n\r\n")?, "");
        assert_eq!(say(&script, "GET / HTTP/1.1\r\n\r\n")?, "odd");
        Ok(())
    }
}
