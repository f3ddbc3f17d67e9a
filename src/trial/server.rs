//! The service on a socket of its own, in a thread of its own: from HTTP to plain requests and back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use devicedrop_core::device::Device;
use devicedrop_core::time::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::connection::{Cuttable, Cutter};
use super::faults::{Fault, Script};
use super::manners::Surface;
use super::service::{Fate, Service};
use super::settings::Settings;
use super::store::StateError;
use super::wire::{Answer, Request, form};
use crate::clock::Clock;

/// The biggest body that is read: some hundred thousand devices.
const BODY: usize = 64 << 20;
/// How long what is under way may take when it is to stop.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why the service can't start.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Others could reach it.
    #[error("{listen} isn't a loopback address: this service is for trials, and anybody may register with it")]
    NotLoopback {
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// The address can't be had.
    #[error("can't listen on {listen}")]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The system gives no thread, or no randomness.
    #[error("the service can't be started")]
    Start(#[source] std::io::Error),
    /// Its state can't be used.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A service that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    service: Arc<Service>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it is reached: what `base_url` is to be.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every registration that took effect, as `GET /trial/journal` tells it.
    pub fn journal(&self) -> Value {
        self.told("/trial/journal")
    }

    /// How clients behaved, as `GET /trial/manners` tells it.
    pub fn manners(&self) -> Value {
        self.told("/trial/manners")
    }

    /// Devices that are in the inventory from now on.
    pub fn stock(&self, devices: &[Device]) {
        let named = |device: &Device| {
            let Device { manufacturer, model, serial_number } = device;
            json!({ "manufacturer": manufacturer, "model": model, "serialNumber": serial_number })
        };
        let devices: Vec<Value> = devices.iter().map(named).collect();
        self.backstage("POST", "/trial/inventory", &devices.into());
    }

    /// A device was used. Returns false where nobody has registered it.
    pub fn check_in(&self, device: &Device, at: Timestamp) -> bool {
        let Device { manufacturer, model, serial_number } = device;
        let used = json!({ "manufacturer": manufacturer, "model": model, "serialNumber": serial_number, "at": at });
        self.backstage("POST", "/trial/check-in", &used).status == 204
    }

    /// Adds lines to the fault script; they count from now on.
    pub fn add_faults(&self, script: Script) {
        self.service.add_faults(script);
    }

    fn told(&self, path: &str) -> Value {
        serde_json::from_slice(&self.backstage("GET", path, &Value::Null).body).unwrap_or_default()
    }

    fn backstage(&self, method: &str, path: &str, body: &Value) -> Answer {
        let (method, path) = (method.to_owned(), path.to_owned());
        let request = Request { method, path, body: body.to_string().into_bytes(), ..Request::default() };
        self.service.answer(&request)
    }

    /// Stops it, and waits until it has.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the trial service's thread had panicked");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Starts the service. It listens when this returns.
pub fn start(settings: Settings, clock: Arc<dyn Clock>) -> Result<Running, TrialError> {
    let listen = settings.listen;
    if !listen.ip().is_loopback() {
        return Err(TrialError::NotLoopback { listen });
    }
    let bound = std::net::TcpListener::bind(listen)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .and_then(|listener| listener.local_addr().map(|address| (listener, address)));
    let (listener, address) = bound.map_err(|source| TrialError::Listen { listen, source })?;
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| TrialError::Start(std::io::Error::other(error)))?;
    let service = Arc::new(Service::new(settings, clock, format!("http://{address}"), key)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("trial")
        .enable_all()
        .build()
        .map_err(TrialError::Start)?;
    let stop = CancellationToken::new();
    let thread = std::thread::Builder::new()
        .name("trial".to_owned())
        .spawn({
            let (stop, service) = (stop.clone(), Arc::clone(&service));
            move || {
                runtime.block_on(serve(listener, service, stop));
                runtime.shutdown_timeout(FAREWELL);
            }
        })
        .map_err(TrialError::Start)?;
    Ok(Running { address, service, stop, thread: Some(thread) })
}

/// What each request needs.
#[derive(Debug, Clone)]
struct Shared {
    service: Arc<Service>,
    stop: CancellationToken,
}

async fn serve(listener: std::net::TcpListener, service: Arc<Service>, stop: CancellationToken) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => Cuttable(listener),
        Err(error) => {
            tracing::error!(error = %error, "the trial service can't listen");
            return;
        }
    };
    let app = Router::new().fallback(handle).with_state(Shared { service, stop: stop.clone() });
    let serving = axum::serve(listener, app.into_make_service_with_connect_info::<Cutter>())
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let too_long = async {
        stop.cancelled().await;
        // Nothing ends this wait but the time: whatever is still under way then is cut off.
        tokio::time::timeout(FAREWELL, std::future::pending::<()>()).await.unwrap_or_default();
    };
    tokio::select! {
        ended = serving => if let Err(error) = ended {
            tracing::error!(error = %error, "the trial service ended");
        },
        () = too_long => {}
    }
}

async fn handle(
    State(Shared { service, stop }): State<Shared>,
    ConnectInfo(cutter): ConnectInfo<Cutter>,
    request: HttpRequest,
) -> Response<Body> {
    let Some(request) = plain(request, &service).await else { return http(Answer::empty(413)) };
    let fault = match service.meet(&request) {
        Fate::Answered(answer) => return http(answer),
        Fate::Dropped => {
            cutter.now();
            return http(Answer::empty(500));
        }
        Fate::Done(fault) => fault,
    };
    let done = crate::blocking::run({
        let (service, request) = (Arc::clone(&service), request.clone());
        move || service.answer(&request)
    });
    let Ok(answer) = done.await else { return http(Answer::empty(500)) };
    match fault {
        None => http(answer),
        Some(Fault::CloseAfter) => {
            cutter.now();
            http(answer)
        }
        Some(Fault::ErrorAfter) => http(service.broken(Surface::of(&request), &request)),
        Some(Fault::NotJson) => {
            let page = "<html><head><title>Gateway</title></head><body>Something went wrong.</body></html>";
            http(Answer { body: page.as_bytes().to_vec(), content_type: Some("text/html".to_owned()), ..answer })
        }
        Some(Fault::Slow) => {
            // The answer is late, or the service stops; there is nothing else to wait for.
            tokio::time::timeout(service.settings().slow, stop.cancelled()).await.unwrap_or_default();
            http(answer)
        }
        // Those that come before it is done were answered above.
        Some(Fault::Cut | Fault::CloseBefore | Fault::ErrorBefore | Fault::Unavailable(_) | Fault::Throttle(_)) => {
            match answer.body.len() {
                0 => cutter.now(),
                length => cutter.in_body(length / 2),
            }
            http(answer)
        }
    }
}

/// The request as a plain value; none if it is too long, or breaks off.
async fn plain(request: HttpRequest, service: &Service) -> Option<Request> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY).await.ok()?;
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    Some(Request {
        id: service.new_id(),
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: form(parts.uri.query().unwrap_or_default()),
        headers: headers.collect(),
        body: body.to_vec(),
    })
}

fn http(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = answer.content_type.map(|content_type| ("Content-Type".to_owned(), content_type));
    for (name, value) in answer.headers.into_iter().chain(content_type) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
