//! Asking the sign-in service for a token: OAuth 2.0 client credentials (RFC 6749, section 4.4;
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>), and the refresh token of
//! a user (RFC 6749, section 6), which is Partner Center's secure application model
//! (<https://learn.microsoft.com/partner-center/developer/enable-secure-app-model>).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use devicedrop_core::shown::shown;
use reqwest::Url;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use super::assertion::{Claim, signed};
use super::refusal::{later, trouble};
use super::secret::{Secret, Why, read, read_standing};
use super::stored::store;
use super::{Claims, Granted, Source, TokenTrouble};
use crate::blocking;
use crate::clock::Clock;
use crate::config::{AppProof, RegistrarKind, ServiceSettings};
use crate::durable::Standing;
use crate::registrar::Answering;
use crate::registrar::http::{Exchange, HeaderMap, HeaderValue, Http, Method, Received};

/// How long a token lasts that doesn't say it.
const UNSAID: Duration = Duration::from_mins(5);

/// No token is used for longer, whatever it says.
const LONGEST: Duration = Duration::from_hours(24);

/// What is sent as the kind of a certificate's proof (RFC 7523, section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An app at a sign-in service.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) http: Http,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: ServiceSettings,
    /// The service that tokens are for, as scopes begin with it.
    resource: String,
}

/// A token endpoint's good answer (RFC 6749, section 5.1).
#[derive(Deserialize)]
pub(super) struct Answered {
    access_token: Secret,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    #[serde(default)]
    refresh_token: Option<Secret>,
}

/// A number of seconds, which older endpoints write as text.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
        Other(IgnoredAny),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Number(seconds) => Some(seconds),
        Written::Text(text) => text.parse().ok(),
        Written::Other(_) => None,
    })
}

impl Answered {
    /// The refresh token, if one came along.
    pub(super) fn refresh_token(&self) -> Option<Secret> {
        self.refresh_token.clone()
    }

    /// What the access token says of itself.
    pub(super) fn claims(&self) -> Option<Claims> {
        Claims::of(self.access_token.text())
    }

    fn granted(&self) -> Granted {
        let lasts = self.expires_in.map_or(UNSAID, Duration::from_secs).min(LONGEST);
        Granted { token: self.access_token.clone(), lasts }
    }
}

/// A form's fields; none of the values is shown.
pub(super) type Fields = Vec<(&'static str, Secret)>;

/// A field that is no secret.
pub(super) fn field(name: &'static str, value: &str) -> (&'static str, Secret) {
    (name, Secret::new(value.to_owned()))
}

impl App {
    pub(super) fn new(kind: RegistrarKind, settings: &ServiceSettings, http: Http, clock: Arc<dyn Clock>) -> Self {
        Self { http, clock, resource: resource(kind, &settings.base_url), settings: settings.clone() }
    }

    /// What an app asks for that comes by itself: whatever it was given.
    fn own_scope(&self) -> String {
        format!("{}/.default", self.resource)
    }

    /// What an app asks for that comes for a user, and that it may come again without him.
    pub(super) fn lent_scope(&self) -> String {
        format!("{}/user_impersonation offline_access", self.resource)
    }

    /// The address of one of the sign-in service's endpoints for a tenant.
    pub(super) fn endpoint(&self, tenant: &str, name: &str) -> Result<Url, TokenTrouble> {
        let mut url = Url::parse(&self.settings.login_url).ok();
        let whole = url.as_mut().and_then(|url| {
            let mut path = url.path_segments_mut().ok()?;
            path.pop_if_empty().extend([tenant, "oauth2", "v2.0", name]);
            Some(())
        });
        url.zip(whole)
            .map(|(url, ())| url)
            .ok_or_else(|| TokenTrouble::Broken("`login_url` is no address".to_owned()))
    }

    /// The fields that prove who the app is.
    pub(super) async fn proof(&self, audience: &Url) -> Result<Fields, TokenTrouble> {
        let (place, clock) = (self.settings.credentials.proof.clone(), Arc::clone(&self.clock));
        let (client_id, audience) = (self.settings.client_id.clone(), audience.to_string());
        blocked(move || match place {
            None => Ok(Vec::new()),
            Some(AppProof::Secret(place)) => Ok(vec![("client_secret", read(&place)?)]),
            Some(AppProof::Certificate { certificate, private_key }) => {
                let (certificate, private_key) = (read(&certificate)?, read(&private_key)?);
                let id = clock.new_guid();
                let claim = Claim { audience: &audience, client_id: &client_id, id: &id, at: clock.now() };
                let proof = signed(&claim, &certificate, &private_key)?;
                Ok(vec![field("client_assertion_type", JWT_BEARER), ("client_assertion", proof)])
            }
        })
        .await
    }

    /// Sends a form.
    pub(super) async fn post(&self, url: Url, fields: &Fields) -> Result<Received, TokenTrouble> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let exchange = Exchange { method: Method::POST, url, headers, body: Some(form(fields)) };
        // Asking for a token twice is harmless, so what was sent and lost is as good as not sent.
        self.http.send(exchange).await.map_err(|failure| {
            later(format!("the sign-in service at {} can't be reached: {failure}", self.settings.login_url), None)
        })
    }

    /// The wall clock, for waits that are said as a time of day.
    pub(super) fn wall(&self) -> SystemTime {
        let since = u64::try_from(self.clock.now().unix_ms()).unwrap_or_default();
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(since)).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Asks for a token with these fields beside those that say who asks.
    async fn ask(&self, tenant: &str, mut fields: Fields) -> Result<Answered, TokenTrouble> {
        let url = self.endpoint(tenant, "token")?;
        fields.push(field("client_id", &self.settings.client_id));
        fields.extend(self.proof(&url).await?);
        let received = self.post(url, &fields).await?;
        if received.status == 200 { answered(&received) } else { Err(trouble(&received, tenant, self.wall())) }
    }
}

/// Reads a good answer.
pub(super) fn answered(received: &Received) -> Result<Answered, TokenTrouble> {
    serde_json::from_slice(&received.body)
        .map_err(|_| later("the sign-in service's answer holds no token: look at `login_url`".to_owned(), None))
}

/// The name of a service in scopes. One on this machine plays Microsoft's, and goes by its name.
fn resource(kind: RegistrarKind, base_url: &str) -> String {
    let origin = Url::parse(base_url).ok().filter(|url| url.scheme() == "https").map(|url| url.origin());
    origin.map_or_else(|| ServiceSettings::usual_base(kind).to_owned(), |origin| origin.ascii_serialization())
}

/// Work on files; what goes wrong there is for a person to mend.
pub(super) async fn blocked<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Why> + Send + 'static,
) -> Result<T, TokenTrouble> {
    match blocking::run(work).await {
        Ok(done) => done.map_err(TokenTrouble::Broken),
        Err(error) => std::panic::resume_unwind(Box::new(format!("reading a secret failed: {error}"))),
    }
}

/// The fields as `application/x-www-form-urlencoded`.
fn form(fields: &Fields) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push(b'&');
        }
        text.extend(name.bytes());
        text.push(b'=');
        for byte in value.text().bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => text.push(byte),
                b' ' => text.push(b'+'),
                other => text.extend(format!("%{other:02X}").bytes()),
            }
        }
    }
    text
}

/// An app that comes by itself.
#[derive(Debug)]
pub(super) struct ByItself(pub(super) App);

impl Source for ByItself {
    fn fetch<'a>(&'a self, tenant: &'a str) -> Answering<'a, Result<Granted, TokenTrouble>> {
        Box::pin(async move {
            let fields = vec![field("grant_type", "client_credentials"), field("scope", &self.0.own_scope())];
            Ok(self.0.ask(tenant, fields).await?.granted())
        })
    }
}

/// An app that comes for the user who signed in.
#[derive(Debug)]
pub(super) struct ForUser {
    app: App,
    /// Where the user's refresh token lies.
    file: PathBuf,
    /// Held by whoever exchanges it: each exchange may bring another one.
    exchanging: tokio::sync::Mutex<()>,
    /// What lies in the file, and the refresh token that came since and couldn't be stored.
    unstored: Mutex<Option<(Secret, Secret)>>,
}

impl ForUser {
    pub(super) fn new(app: App, file: PathBuf) -> Self {
        Self { app, file, exchanging: tokio::sync::Mutex::default(), unstored: Mutex::default() }
    }

    /// The refresh token to go on from.
    async fn newest(&self) -> Result<Newest, TokenTrouble> {
        let file = self.file.clone();
        let (in_file, standing) = blocked(move || {
            read_standing(&file).map_err(|why| match file.try_exists() {
                Ok(false) => {
                    let told = shown(&file.display().to_string()).to_string();
                    format!("nobody has signed in (the file {told} isn't there): run `devicedrop registrar sign-in`")
                }
                _ => why,
            })
        })
        .await?;
        let unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let newer = unstored.filter(|(before, _)| *before == in_file).map(|(_, after)| after);
        Ok(Newest { token: newer.unwrap_or_else(|| in_file.clone()), in_file, standing })
    }

    async fn exchange(&self, tenant: &str, refresh_token: Secret) -> Result<Answered, TokenTrouble> {
        let fields = vec![
            field("grant_type", "refresh_token"),
            field("scope", &self.app.lent_scope()),
            ("refresh_token", refresh_token),
        ];
        self.app.ask(tenant, fields).await
    }

    /// Brings a new refresh token to the disk before the access token beside it is used. What a person put there
    /// meanwhile stays.
    async fn keep(&self, Newest { in_file, standing, .. }: Newest, after: Secret) -> Result<(), TokenTrouble> {
        // Nobody else has it: where it can't be stored, the next exchange goes on from it.
        *self.unstored.lock().unwrap_or_else(PoisonError::into_inner) = Some((in_file, after.clone()));
        let file = self.file.clone();
        blocked(move || store(&file, &after, Some(standing))).await?;
        *self.unstored.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

/// The refresh token to go on from, and where it stands to the one in the file.
struct Newest {
    token: Secret,
    in_file: Secret,
    standing: Standing,
}

impl Source for ForUser {
    fn fetch<'a>(&'a self, tenant: &'a str) -> Answering<'a, Result<Granted, TokenTrouble>> {
        Box::pin(async move {
            let _gate = self.exchanging.lock().await;
            let mut before = self.newest().await?;
            let mut asked = self.exchange(tenant, before.token.clone()).await;
            if matches!(asked, Err(TokenTrouble::Broken(_))) {
                // A person, or a command, may have put another one there meanwhile.
                let now = self.newest().await?;
                if now.token != before.token {
                    before = now;
                    asked = self.exchange(tenant, before.token.clone()).await;
                }
            }
            let answered = asked?;
            let after = answered.refresh_token().unwrap_or_else(|| before.token.clone());
            if after != before.in_file {
                self.keep(before, after).await?;
            }
            Ok(answered.granted())
        })
    }
}
