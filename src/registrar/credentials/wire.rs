//! What goes over the wire to a sign-in service, and what comes of its answers.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use devicedrop_core::time::Timestamp;
use devicedrop_testkit::http_script::{HttpScript, Reply, Seen};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::assertion::tests::{CERTIFICATE, KEY};
use super::*;
use crate::clock::ManualClock;
use crate::config::{AppProof, CredentialSettings, SecretPlace};

const APP: &str = "6731de76-14a6-49ae-97bc-6eba6914391e";

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(Timestamp::from_unix_ms(1_000_000_000)))
}

/// A file that holds a secret.
fn secret(folder: &Path, name: &str, text: &str) -> SecretPlace {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    SecretPlace::File(path)
}

fn settings(script: &HttpScript, proof: Option<AppProof>, refresh_token_file: Option<&Path>) -> ServiceSettings {
    ServiceSettings {
        base_url: script.url(),
        login_url: script.url(),
        tenant_id: Some("contoso.example".to_owned()),
        client_id: APP.to_owned(),
        credentials: CredentialSettings { proof, refresh_token_file: refresh_token_file.map(Path::to_owned) },
    }
}

fn tokens(kind: RegistrarKind, settings: &ServiceSettings) -> Tokens {
    Tokens::new(kind, settings, Http::new().expect("a client"), clock())
}

fn granted(token: &str) -> Reply {
    Reply::json(200, &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token}))
}

fn fields(seen: &Seen, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| seen.field(name).unwrap_or_else(|| format!("no {name}"))).collect()
}

fn text(bearer: &Bearer) -> String {
    bearer.header().to_str().expect("text").to_owned()
}

#[tokio::test]
async fn an_app_proves_itself_by_its_secret() {
    let dir = tempfile::tempdir().expect("a folder");
    let script = HttpScript::list([granted("one"), granted("two")]).expect("a server");
    let proof = AppProof::Secret(secret(dir.path(), "app", "s3cret&more \n"));
    let tokens = tokens(RegistrarKind::Graph, &settings(&script, Some(proof), None));
    assert_eq!(text(&tokens.bearer("fabrikam.example").await.expect("a token")), "Bearer one");
    assert_eq!(text(&tokens.bearer("contoso.example").await.expect("a token")), "Bearer two");
    let seen = script.seen();
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].target, "/fabrikam.example/oauth2/v2.0/token");
    assert_eq!(seen[1].target, "/contoso.example/oauth2/v2.0/token");
    assert_eq!(seen[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    let names = ["grant_type", "client_id", "client_secret", "scope"];
    let expected = ["client_credentials", APP, "s3cret&more ", "https://graph.microsoft.com/.default"];
    assert_eq!(fields(&seen[0], &names), expected);
}

#[tokio::test]
async fn an_app_proves_itself_by_its_certificate() {
    let dir = tempfile::tempdir().expect("a folder");
    let script = HttpScript::list([granted("one")]).expect("a server");
    let both = secret(dir.path(), "both.pem", &[CERTIFICATE, KEY].concat());
    let proof = AppProof::Certificate { certificate: both.clone(), private_key: both };
    let tokens = tokens(RegistrarKind::PartnerCenter, &settings(&script, Some(proof), None));
    tokens.bearer("t").await.expect("a token");
    let seen = &script.seen()[0];
    let names = ["client_assertion_type", "client_secret", "scope"];
    let expected = [
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "no client_secret",
        "https://api.partnercenter.microsoft.com/.default",
    ];
    assert_eq!(fields(seen, &names), expected);
    let audience = Claims::of(&seen.field("client_assertion").expect("a proof")).and_then(|claims| claims.aud);
    assert_eq!(audience, Some(format!("{}/t/oauth2/v2.0/token", script.url())));
}

#[tokio::test]
async fn a_users_refresh_token_is_replaced_on_the_disk_before_its_access_token_is_used() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("token");
    secret(dir.path(), "token", "first\n");
    let both = json!({"access_token": "a", "expires_in": "10", "refresh_token": "second"});
    let script = HttpScript::list([Reply::json(200, &both), granted("b")]).expect("a server");
    let proof = AppProof::Secret(secret(dir.path(), "app", "s"));
    let tokens = tokens(RegistrarKind::PartnerCenter, &settings(&script, Some(proof), Some(&file)));
    let first = tokens.bearer("t").await.expect("a token");
    assert_eq!(std::fs::read_to_string(&file).expect("there"), "second\n");
    tokens.refused("t", &first);
    assert_eq!(text(&tokens.bearer("t").await.expect("another")), "Bearer b");
    let seen = script.seen();
    let names = ["grant_type", "refresh_token", "client_secret", "scope"];
    let scope = "https://api.partnercenter.microsoft.com/user_impersonation offline_access";
    assert_eq!(fields(&seen[0], &names), ["refresh_token", "first", "s", scope]);
    assert_eq!(fields(&seen[1], &names), ["refresh_token", "second", "s", scope]);
    assert_eq!(std::fs::read_to_string(&file).expect("there"), "second\n", "no new one came: it stays");
}

#[tokio::test]
async fn a_refresh_token_that_could_not_be_stored_is_gone_on_from_and_its_access_token_not_used() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("mount/token");
    std::fs::create_dir(dir.path().join("mount")).expect("made");
    secret(&dir.path().join("mount"), "token", "first");
    let (mount, away) = (dir.path().join("mount"), dir.path().join("away"));
    // The folder is away while an answer is on its way, and back for the next time.
    let script = HttpScript::by(move |seen| {
        let next = match seen.field("refresh_token").as_deref() {
            Some("first") => "second",
            Some("second") => "third",
            _ => return granted("b"),
        };
        std::fs::rename(&mount, &away).expect("moved");
        Reply::json(200, &json!({"access_token": "a", "refresh_token": next}))
    });
    let script = script.expect("a server");
    let settings = settings(&script, None, Some(&file));
    let app = App::new(RegistrarKind::PartnerCenter, &settings, Http::new().expect("a client"), clock());
    let user = ForUser::new(app, file.clone());
    for _ in 0..2 {
        let trouble = user.fetch("t").await.expect_err("it can't be stored");
        assert!(matches!(&trouble, TokenTrouble::Broken(what) if what.contains("can't be stored")), "{trouble}");
        std::fs::rename(dir.path().join("away"), dir.path().join("mount")).expect("back");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), "first");
    }
    user.fetch("t").await.expect("a token");
    let sent: Vec<_> = script.seen().iter().filter_map(|seen| seen.field("refresh_token")).collect();
    assert_eq!(sent, ["first", "second", "third"]);
    assert_eq!(std::fs::read_to_string(&file).expect("there"), "third\n", "made good as soon as it can be");
}

#[tokio::test]
async fn a_refresh_token_that_another_process_replaced_meanwhile_is_tried() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("token");
    secret(dir.path(), "token", "first");
    let replaced = file.clone();
    let script = HttpScript::by(move |seen| {
        if seen.field("refresh_token").as_deref() == Some("first") {
            std::fs::write(&replaced, "by another").expect("written");
            return Reply::json(400, &json!({"error": "invalid_grant"}));
        }
        granted("a")
    });
    let script = script.expect("a server");
    let tokens = tokens(RegistrarKind::PartnerCenter, &settings(&script, None, Some(&file)));
    assert_eq!(text(&tokens.bearer("t").await.expect("a token")), "Bearer a");
    assert_eq!(script.seen()[1].field("refresh_token").as_deref(), Some("by another"));
}

#[tokio::test]
async fn a_sign_in_that_comes_while_a_refresh_token_is_exchanged_stays() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("token");
    secret(dir.path(), "token", "first");
    let signed_in = file.clone();
    let script = HttpScript::by(move |_| {
        let anew = signed_in.with_extension("new");
        std::fs::write(&anew, "of another user").expect("written");
        std::fs::rename(anew, &signed_in).expect("moved");
        Reply::json(200, &json!({"access_token": "a", "refresh_token": "second"}))
    });
    let script = script.expect("a server");
    let tokens = tokens(RegistrarKind::PartnerCenter, &settings(&script, None, Some(&file)));
    assert_eq!(text(&tokens.bearer("t").await.expect("a token")), "Bearer a");
    assert_eq!(std::fs::read_to_string(&file).expect("there"), "of another user");
}

#[tokio::test]
async fn troubles_of_a_person_are_told_from_those_that_pass() {
    let dir = tempfile::tempdir().expect("a folder");
    let wrong = json!({"error": "invalid_client", "error_codes": [7_000_215]});
    let script = HttpScript::list([
        Reply::json(401, &wrong),
        Reply::empty(503).with("Retry-After", "7"),
        Reply::empty(302).with("Location", "https://elsewhere.example/?canary"),
        Reply::json(200, &json!({"nothing": 1})),
        Reply::Close,
    ]);
    let script = script.expect("a server");
    let proof = AppProof::Secret(secret(dir.path(), "app", "s3cret"));
    let tokens = tokens(RegistrarKind::Graph, &settings(&script, Some(proof), None));
    let mut told = Vec::new();
    for tenant in ["a", "b", "c", "d", "e"] {
        told.push(tokens.bearer(tenant).await.expect_err("trouble"));
    }
    assert!(
        matches!(&told[0], TokenTrouble::Broken(what) if what.contains("the secret's value, not its ID")),
        "{told:?}"
    );
    assert!(matches!(&told[1], TokenTrouble::Unavailable { retry_after: Some(wait), .. } if wait.as_secs() == 7));
    assert!(matches!(&told[2], TokenTrouble::Broken(what) if what.contains("302") && !what.contains("canary")));
    assert!(matches!(&told[3], TokenTrouble::Unavailable { .. }));
    assert!(matches!(&told[4], TokenTrouble::Unavailable { why, .. } if why.contains("can't be reached")));
    assert_eq!(script.seen().len(), 5);
}

#[tokio::test]
async fn a_missing_secret_is_a_persons_trouble_and_nothing_is_asked() {
    let script = HttpScript::list([]).expect("a server");
    let proof = AppProof::Secret(SecretPlace::Environment("DEVICEDROP_NO_SUCH".to_owned()));
    let by_itself = tokens(RegistrarKind::Graph, &settings(&script, Some(proof), None));
    assert!(matches!(by_itself.bearer("t").await, Err(TokenTrouble::Broken(what)) if what.contains("isn't set")));
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("token");
    let for_user = tokens(RegistrarKind::PartnerCenter, &settings(&script, None, Some(&file)));
    let trouble = for_user.bearer("t").await.expect_err("nobody signed in");
    assert!(trouble.to_string().ends_with("run `devicedrop registrar sign-in`"), "{trouble}");
    assert_eq!(script.seen(), []);
}

fn begun(script: &HttpScript) -> Reply {
    let begun = json!({
        "user_code": "GHK-QWE", "device_code": "canary-code", "verification_uri": format!("{}/device", script.url()),
        "expires_in": 900, "interval": 0, "message": "To sign in, ..."
    });
    Reply::json(200, &begun)
}

#[tokio::test]
async fn a_user_signs_in_by_a_code() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("token");
    let page = HttpScript::list([]).expect("a server");
    let pending = || Reply::json(400, &json!({"error": "authorization_pending"}));
    let both = json!({"access_token": "a", "expires_in": 10, "refresh_token": "kept"});
    let script = HttpScript::list([begun(&page), pending(), pending(), Reply::json(200, &both)]).expect("a server");
    let proof = AppProof::Secret(secret(dir.path(), "app", "s"));
    let settings = settings(&script, Some(proof), Some(&file));
    let http = Http::new().expect("a client");
    let sign_in = SignIn::begin(&settings, http, clock()).await.expect("a code");
    assert_eq!((sign_in.code.as_str(), sign_in.lasts), ("GHK-QWE", Duration::from_mins(15)));
    assert!(!format!("{sign_in:?}").contains("canary"));
    assert!(!file.exists());
    let ended = sign_in.finish(&CancellationToken::new()).await;
    assert_eq!(ended, Ok(SignedIn::Stored(None)));
    assert_eq!(std::fs::read_to_string(&file).expect("there"), "kept\n");
    assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o7777, 0o600);
    let seen = script.seen();
    assert_eq!(seen[0].target, "/contoso.example/oauth2/v2.0/devicecode");
    let scope = "https://api.partnercenter.microsoft.com/user_impersonation offline_access";
    assert_eq!(fields(&seen[0], &["client_id", "scope"]), [APP, scope]);
    let names = ["grant_type", "client_id", "device_code", "client_secret"];
    assert_eq!(fields(&seen[3], &names), ["urn:ietf:params:oauth:grant-type:device_code", APP, "canary-code", "s"]);
}

#[tokio::test]
async fn a_sign_in_that_comes_to_nothing_leaves_what_was_there() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("token");
    std::fs::write(&file, "before").expect("written");
    let page = HttpScript::list([]).expect("a server");
    let endings = [
        Reply::json(400, &json!({"error": "authorization_declined"})),
        Reply::json(400, &json!({"error": "expired_token"})),
        Reply::json(200, &json!({"access_token": "a"})),
    ];
    for ending in endings {
        let script = HttpScript::list([begun(&page), ending]).expect("a server");
        let settings = settings(&script, None, Some(&file));
        let sign_in = SignIn::begin(&settings, Http::new().expect("a client"), clock()).await.expect("a code");
        let ended = sign_in.finish(&CancellationToken::new()).await;
        assert!(matches!(&ended, Err(TokenTrouble::Broken(_))), "{ended:?}");
    }
    let script = HttpScript::list([begun(&page), Reply::Silence]).expect("a server");
    let settings = settings(&script, None, Some(&file));
    let sign_in = SignIn::begin(&settings, Http::new().expect("a client"), clock()).await.expect("a code");
    let stop = CancellationToken::new();
    let (ended, ()) = tokio::join!(sign_in.finish(&stop), async {
        while script.seen().len() < 2 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    });
    assert_eq!(ended, Ok(SignedIn::CalledOff));
    assert_eq!(std::fs::read_to_string(&file).expect("there"), "before");
}

#[tokio::test]
async fn no_log_tells_a_secret() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = Log(Arc::clone(&log));
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let dir = tempfile::tempdir().expect("a folder");
    secret(dir.path(), "token", "canary-refresh");
    let both = json!({"access_token": "canary-access", "expires_in": 10, "refresh_token": "canary-next"});
    let echo = json!({"error": "invalid_grant", "error_description": "AADSTS70000: no"});
    let script = HttpScript::list([Reply::json(200, &both), Reply::json(400, &echo)]).expect("a server");
    let proof = AppProof::Secret(secret(dir.path(), "app", "canary-secret"));
    let settings = settings(&script, Some(proof), Some(&dir.path().join("token")));
    let tokens = tokens(RegistrarKind::PartnerCenter, &settings);
    let bearer = tokens.bearer("t").await.expect("a token");
    let trouble = tokens.bearer("u").await.expect_err("trouble");
    tracing::error!(?bearer, ?tokens, ?settings, %trouble, ?trouble, "all of it");
    let log = String::from_utf8(log.lock().expect("the log").clone()).expect("text");
    // Others' lines may be off: who logs first in a process of many tests decides on them.
    assert!(log.contains("all of it"), "the log is there: {log}");
    assert!(!log.contains("canary"), "{log}");
}

/// Keeps what is logged.
#[derive(Clone)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
