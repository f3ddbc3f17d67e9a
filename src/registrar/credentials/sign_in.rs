//! A user's sign-in from a machine without a browser: the device authorization grant (RFC 8628;
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code>).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::oauth::{App, answered, blocked, field};
use super::refusal::{Refusal, later, trouble};
use super::secret::{Secret, keep_out_of_dumps};
use super::stored::store;
use super::{Claims, TokenTrouble};
use crate::clock::Clock;
use crate::config::{RegistrarKind, ServiceSettings};
use crate::registrar::http::{Http, Received};

/// The wait between two questions where the service names none (RFC 8628, section 3.2), and by how much it grows where
/// the service says that we are too quick (section 3.5).
const STEP: Duration = Duration::from_secs(5);

/// No service may have us wait longer between two questions, or for a code.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
const LONGEST: Duration = Duration::from_hours(1);

/// A sign-in that a person is to finish.
#[derive(Debug)]
pub struct SignIn {
    app: App,
    file: PathBuf,
    tenant: String,
    device_code: Secret,
    /// The page to open.
    pub page: String,
    /// The code to enter there.
    pub code: String,
    /// How long the code holds.
    pub lasts: Duration,
    interval: Duration,
}

/// How a sign-in ended.
#[derive(Debug, PartialEq, Eq)]
pub enum SignedIn {
    /// The refresh token lies in its file; what the token beside it says of itself.
    Stored(Option<Claims>),
    /// It was called off.
    CalledOff,
}

#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default)]
    interval: Option<u64>,
}

impl SignIn {
    /// Asks for a code.
    pub async fn begin(settings: &ServiceSettings, http: Http, clock: Arc<dyn Clock>) -> Result<Self, TokenTrouble> {
        keep_out_of_dumps();
        let missing = |what: &str| TokenTrouble::Broken(format!("`registrar.partner_center` has no {what}"));
        let file = settings.credentials.refresh_token_file.clone();
        let file =
            file.ok_or_else(|| missing("`credentials.refresh_token_file` that the sign-in could be kept in"))?;
        let tenant = settings.tenant_id.clone().ok_or_else(|| missing("`tenant_id`"))?;
        let app = App::new(RegistrarKind::PartnerCenter, settings, http, clock);
        let fields = vec![field("client_id", &settings.client_id), field("scope", &app.lent_scope())];
        let received = app.post(app.endpoint(&tenant, "devicecode")?, &fields).await?;
        if received.status != 200 {
            return Err(trouble(&received, &tenant, app.wall()));
        }
        let begun: Begun = serde_json::from_slice(&received.body)
            .map_err(|_| later("the sign-in service's answer holds no code: look at `login_url`".to_owned(), None))?;
        let seconds = |given: Option<u64>, usual: Duration| given.map_or(usual, Duration::from_secs);
        Ok(Self {
            file,
            tenant,
            device_code: Secret::new(begun.device_code),
            page: begun.verification_uri,
            code: begun.user_code,
            lasts: seconds(begun.expires_in, Duration::from_mins(15)).min(LONGEST),
            interval: seconds(begun.interval, STEP).min(LONGEST_WAIT),
            app,
        })
    }

    /// Where the sign-in is going to be kept.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Waits until the person has signed in, and keeps what came of it. The file is written last of all: a sign-in
    /// that is cut off changes nothing.
    pub async fn finish(self, stop: &CancellationToken) -> Result<SignedIn, TokenTrouble> {
        let url = self.app.endpoint(&self.tenant, "token")?;
        let ends = self.app.clock.elapsed().saturating_add(self.lasts);
        let mut interval = self.interval;
        loop {
            if tokio::time::timeout(interval, stop.cancelled()).await.is_ok() {
                return Ok(SignedIn::CalledOff);
            }
            if self.app.clock.elapsed() > ends {
                let what = "nobody signed in while the code held: run `devicedrop registrar sign-in` again";
                return Err(TokenTrouble::Broken(what.to_owned()));
            }
            let mut fields = vec![
                field("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                field("client_id", &self.app.settings.client_id),
                ("device_code", self.device_code.clone()),
            ];
            fields.extend(self.app.proof(&url).await?);
            let received = tokio::select! {
                () = stop.cancelled() => return Ok(SignedIn::CalledOff),
                received = self.app.post(url.clone(), &fields) => received,
            };
            let Ok(received) = received else {
                // Section 3.5: who gets no answer asks less often.
                interval = interval.saturating_mul(2).min(LONGEST_WAIT);
                continue;
            };
            if received.status == 200 {
                return self.keep(&answered(&received)?).await;
            }
            interval = self.next(&received, interval)?;
        }
    }

    /// The wait before the next question, after an answer without a token; or why there is none.
    fn next(&self, received: &Received, interval: Duration) -> Result<Duration, TokenTrouble> {
        let next = match Refusal::of(received).error.as_str() {
            "authorization_pending" => interval,
            "slow_down" => interval.saturating_add(STEP),
            _ => match trouble(received, &self.tenant, self.app.wall()) {
                TokenTrouble::Unavailable { retry_after: Some(wait), .. } => interval.max(wait),
                TokenTrouble::Unavailable { retry_after: None, .. } => interval.saturating_mul(2),
                broken @ TokenTrouble::Broken(_) => return Err(broken),
            },
        };
        Ok(next.min(LONGEST_WAIT))
    }

    async fn keep(self, answered: &super::oauth::Answered) -> Result<SignedIn, TokenTrouble> {
        let token = answered.refresh_token().ok_or_else(|| {
            TokenTrouble::Broken(
                "the sign-in service gave no refresh token: let the app registration have `offline_access`"
                    .to_owned(),
            )
        })?;
        blocked(move || store(&self.file, &token, None)).await?;
        Ok(SignedIn::Stored(answered.claims()))
    }
}
