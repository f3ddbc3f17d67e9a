//! Serving: connections, their limits, and which address is answered by what.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use devicedrop_core::locale::Locale;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::address::Query;
use super::events::Hub;
use super::files;
use super::guard::{self, Guard, Refused};
use super::listen::Listening;
use super::pages;
use super::record::{Record, Unanswered};
use super::token::Token;
use super::words::{self, LANGUAGE_COOKIE};

/// Connections at a time: a browser opens six. Whoever comes then waits.
const CONNECTIONS: usize = 64;

/// Questions to the record at a time: enough for a few people, and no burden beside the work.
const QUESTIONS: usize = 4;

/// How long a question waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// Bodies at a time that last: events and downloads.
pub(super) const LASTING: usize = 16;

/// A connection that sends no whole request head for so long is closed; so is one that sends no further request.
const HEAD: Duration = Duration::from_secs(30);

/// The longest request head, in bytes.
const HEAD_BYTES: usize = 16 * 1024;

/// What is under way when the daemon stops may take so long.
const FAREWELL: Duration = Duration::from_secs(1);

/// After a connection couldn't be taken (too many open files, as a rule), the next try comes after this.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// The page: what it shows, and to whom.
pub struct Site {
    pub(super) record: Arc<dyn Record>,
    pub(super) guard: Guard,
    questions: Arc<Semaphore>,
    pub(super) lasting: Arc<Semaphore>,
    pub(super) hub: Arc<Hub>,
    pub(super) stop: CancellationToken,
    address: String,
}

impl Site {
    /// A page over this record. A token is needed for a TCP address, and only there; `machine` is the machine's own
    /// name.
    pub fn new(
        record: Arc<dyn Record>,
        listening: &Listening,
        token: Option<Token>,
        machine: String,
        stop: CancellationToken,
    ) -> Self {
        let address = address(listening, token.as_ref(), &machine);
        let guard = match (listening, token) {
            (Listening::Tcp(_, address), Some(token)) => Guard::Tcp { address: *address, token, machine },
            _ => Guard::Socket,
        };
        Self {
            hub: Arc::new(Hub::new(Arc::clone(&record))),
            record,
            guard,
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            lasting: Arc::new(Semaphore::new(LASTING)),
            stop,
            address,
        }
    }

    /// The whole address, its token too: for whoever may read it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks the record, off this thread, when it is this question's turn.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Record) -> Result<T, Unanswered> + Send + 'static,
    ) -> Result<T, Unanswered> {
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.questions).acquire_owned()).await;
        let Ok(Ok(place)) = turn else { return Err(Unanswered::TooLong(TURN)) };
        let record = Arc::clone(&self.record);
        let asked = crate::blocking::run(move || {
            let _place = place;
            question(&*record)
        });
        asked.await.unwrap_or_else(|error| Err(Unanswered::Failed(error.to_string())))
    }

    /// A place for a body that lasts, if there is one left.
    pub(super) fn lasting_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.lasting).try_acquire_owned().ok()
    }
}

/// The whole address of a page.
fn address(listening: &Listening, token: Option<&Token>, machine: &str) -> String {
    match (listening, token) {
        (Listening::Tcp(_, address), Some(token)) => {
            let host = if address.ip().is_unspecified() && !machine.is_empty() {
                format!("{machine}:{}", address.port())
            } else {
                address.to_string()
            };
            format!("http://{host}/?token={}", token.text())
        }
        (Listening::Tcp(_, address), None) => format!("http://{address}/"),
        (Listening::Unix(_, Some(path)), _) => format!("unix:{}", path.display()),
        (Listening::Unix(_, None), _) => "a Unix socket passed by systemd".to_owned(),
    }
}

/// What is known of whoever looks in.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// His language.
    pub(super) locale: Locale,
    /// Where he is.
    pub(super) path: String,
    /// What stands behind the `?`.
    pub(super) query: Query,
}

/// All addresses.
fn routes(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(pages::devices::page))
        .route("/devices.csv", get(pages::devices::download))
        .route("/devices/{registration}", get(pages::device::page))
        .route("/devices/{registration}/history.csv", get(pages::device::download))
        .route("/submissions", get(pages::submissions::page))
        .route("/submissions.csv", get(pages::submissions::download))
        .route("/submissions/{id}", get(pages::submission::page))
        .route("/submissions/{id}/rows.csv", get(pages::submission::download))
        .route("/waiting", get(pages::waiting::page))
        .route("/style.css", get(|headers: HeaderMap| async move { files::STYLE.answer(&headers) }))
        .route("/script.js", get(|headers: HeaderMap| async move { files::SCRIPT.answer(&headers) }))
        .route("/icon.svg", get(|headers: HeaderMap| async move { files::ICON.answer(&headers) }))
        .route("/api/v1/events", get(super::events::stream))
        .route("/healthz", get(super::monitor::health))
        .route("/metrics", get(super::monitor::metrics))
        .route("/api/v1/{table}", get(super::api::table))
        .fallback(pages::missing)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&site), admit))
        .with_state(site)
}

/// Stands before every address: lets in, or says why not.
async fn admit(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let visit = Visit {
        locale: words::language_of(request.headers()),
        path: request.uri().path().to_owned(),
        query: Query::read(request.uri().query().unwrap_or_default()),
    };
    let admitted = site.guard.admit(&request);
    let given = visit.query.get("token");
    let mut response = match admitted {
        Err(Refused::Token) if given.is_some_and(|given| site.guard.is_token(given)) => {
            kept(&visit.query.without(&["token"]).on(&visit.path), site.guard.cookie())
        }
        Err(refused) => {
            let mut response = pages::refused(&visit, refused, given.is_some());
            refused.say(response.headers_mut());
            response
        }
        // Out of the address, whoever let him in: it is no place for a secret.
        Ok(()) if given.is_some() => kept(&visit.query.without(&["token"]).on(&visit.path), None),
        Ok(()) => {
            if let Some(language) = visit.query.get("lang").and_then(words::language_named) {
                let cookie = format!("{LANGUAGE_COOKIE}={language}; Path=/; Max-Age=31536000; SameSite=Strict");
                kept(&visit.query.without(&["lang"]).on(&visit.path), HeaderValue::from_str(&cookie).ok())
            } else {
                request.extensions_mut().insert(visit);
                next.run(request).await
            }
        }
    };
    guard::harden(response.headers_mut());
    response
}

/// Leads to the same page, with a cookie to keep.
fn kept(to: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    // A path that begins with two slashes would lead to another host.
    let to = format!("/{}", to.trim_start_matches(['/', '\\']));
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(LOCATION, to);
    }
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Serves until the daemon stops.
pub async fn serve(site: Arc<Site>, listening: Listening) {
    let stop = site.stop.clone();
    let app = routes(Arc::clone(&site));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut served = JoinSet::new();
    served.spawn(Arc::clone(&site.hub).run(stop.clone()));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = stop.cancelled() => break,
        };
        let Ok(place) = place else { break };
        tokio::select! {
            taken = accept(&listening) => match taken {
                Ok(Stream::Tcp(stream)) => drop(served.spawn(converse(stream, app.clone(), stop.clone(), place))),
                Ok(Stream::Unix(stream)) => drop(served.spawn(converse(stream, app.clone(), stop.clone(), place))),
                Err(error) => {
                    tracing::warn!(error = %error, "a connection to the web page could not be taken");
                    drop(tokio::time::timeout(AFTER_ERROR, stop.cancelled()).await);
                }
            },
            () = stop.cancelled() => break,
        }
        while let Some(ended) = served.try_join_next() {
            // One answer that broke down takes nothing else with it: the page shows, and does no work.
            if let Err(error) = ended {
                tracing::error!(error = %error, "a part of the web page broke down; this is a defect in devicedrop");
            }
        }
    }
    while served.join_next().await.is_some() {}
}

/// A connection.
enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

async fn accept(listening: &Listening) -> std::io::Result<Stream> {
    match listening {
        Listening::Tcp(listener, _) => {
            let (stream, _): (_, SocketAddr) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(Stream::Tcp(stream))
        }
        Listening::Unix(listener, _) => Ok(Stream::Unix(listener.accept().await?.0)),
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    app: Router,
    stop: CancellationToken,
    place: OwnedSemaphorePermit,
) {
    let _place = place;
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(FAREWELL, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection to the web page broke off");
    }
}
