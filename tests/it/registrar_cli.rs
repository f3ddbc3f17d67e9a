//! `registrar check` and `registrar sign-in` against a service that answers as it is told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::http_script::{HttpScript, Reply, Seen};
use devicedrop_testkit::process::Output;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::scene::{csv, env, rows, run_once, start};

const APP: &str = "6731de76-14a6-49ae-97bc-6eba6914391e";
const CONTOSO_TENANT: &str = "11111111-2222-3333-4444-555555555555";
const FABRIKAM_TENANT: &str = "99999999-2222-3333-4444-555555555555";

/// A place whose registrar is a service at `url`, with two customers.
fn place(kind: &str, url: &str) -> Result<TestEnv> {
    let mut env = env()?;
    let section = kind.replace('-', "_");
    let secret = env.path("app.secret");
    private(&secret, "canary-secret\n")?;
    let key = |name: &str| format!("registrar.{section}.{name}");
    env.set("registrar.kind", &format!("{kind:?}"))?
        .set("drop.customers", "\"configured\"")?
        .set(&key("base_url"), &format!("{url:?}"))?
        .set(&key("client_id"), &format!("{APP:?}"))?
        .set(&key("credentials.secret.file"), &format!("{secret:?}"))?
        .set("customers.contoso.tenant_id", &format!("{CONTOSO_TENANT:?}"))?
        .set("customers.fabrikam.tenant_id", &format!("{FABRIKAM_TENANT:?}"))?;
    if kind == "partner-center" {
        let file = env.path("refresh-token");
        env.set(&key("tenant_id"), "\"partner.example\"")?
            .set(&key("credentials.refresh_token_file"), &format!("{file:?}"))?;
    }
    env.set_variable("DEVICEDROP_LOG", "trace");
    Ok(env)
}

fn private(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o600))?)
}

/// A token whose claims can be read; nobody looks at its signature.
fn token(claims: &Value) -> String {
    // base64url of JSON, which is all that a reader of claims looks at.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in claims.to_string().as_bytes().chunks(3) {
        let mut bits = 0_usize;
        for at in 0..3 {
            bits = bits << 8 | usize::from(chunk.get(at).copied().unwrap_or_default());
        }
        for at in 0..=chunk.len() {
            text.push(char::from(alphabet[bits >> (18 - 6 * at) & 63]));
        }
    }
    format!("canary.{text}.canary")
}

/// An answer with tokens, as a sign-in service gives them.
fn tokens(claims: &Value) -> Reply {
    let answer = json!({
        "token_type": "Bearer", "expires_in": 3599, "access_token": token(claims), "refresh_token": "canary-next",
    });
    Reply::json(200, &answer)
}

fn is_token(seen: &Seen) -> bool {
    seen.target.ends_with("/oauth2/v2.0/token")
}

/// What was found, a line each: `subject customer rank found`.
fn found(output: &Output, url: &str) -> Result<String> {
    let line = |line: &str| -> Result<String> {
        let finding: Value = serde_json::from_str(line)?;
        let text = |key: &str| finding[key].as_str().unwrap_or("-").replace(url, "[url]");
        Ok(["registrar", "subject", "customer", "rank", "found", "remedy"].map(text).join(" | "))
    };
    let lines: Vec<String> = output.stdout.lines().map(line).collect::<Result<_>>()?;
    Ok(lines.join("\n"))
}

/// No secret stands in what was printed, nor in any file but those that are to hold it.
fn nothing_tells_a_secret(env: &TestEnv, outputs: &[&Output]) -> Result<()> {
    for output in outputs {
        ensure!(!output.stdout.contains("canary") && !output.stderr.contains("canary"), "{output:?}");
    }
    let mut folders = vec![env.path("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let is_secret = ["app.secret", "refresh-token"].iter().any(|name| path.ends_with(name));
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() && !is_secret {
                let bytes = fs::read(&path)?;
                ensure!(!bytes.windows(6).any(|part| part == b"canary"), "{}", path.display());
            }
        }
    }
    Ok(())
}

#[test]
fn partner_center_is_looked_at_and_nothing_is_registered() -> Result<()> {
    let script = HttpScript::by(|seen| {
        if is_token(seen) {
            tokens(&json!({"scp": "user_impersonation"}))
        } else if seen.target.contains(FABRIKAM_TENANT) {
            let body =
                json!({"code": "20002", "description": "The partner id 1 has no commerce relationship with 9."});
            Reply::json(403, &body)
        } else {
            Reply::json(200, &json!({"totalCount": 0, "items": []}))
        }
    })?;
    let env = place("partner-center", &script.url())?;
    private(&env.path("refresh-token"), "canary-refresh")?;
    let checked = env.run(&["registrar", "check", "--json"])?;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert_snapshot!(found(&checked, &script.url())?, @r"
    partner-center | token | - | good | the sign-in service gives one for partner.example | -
    partner-center | devices | contoso | good | it answers | -
    partner-center | devices | fabrikam | bad | it doesn't permit that (20002: The partner id 1 has no commerce relationship with 9.) | have an administrator give what is needed: the role Admin agent for the user who signed in, and a relationship with the customer
    ");
    let seen = script.seen();
    let asked: Vec<String> = seen.iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    assert_snapshot!(asked.join("\n"), @r"
    POST /partner.example/oauth2/v2.0/token
    GET /v1/customers/11111111-2222-3333-4444-555555555555/deviceBatches
    GET /v1/customers/99999999-2222-3333-4444-555555555555/deviceBatches
    ");
    assert_eq!(seen[0].field("refresh_token").as_deref(), Some("canary-refresh"));
    assert_eq!(fs::read_to_string(env.path("refresh-token"))?, "canary-next\n");
    let told = env.run(&["registrar", "check"])?;
    assert_eq!(told.code, Some(1), "{told:?}");
    let one = env.run(&["registrar", "check", "--customer", "contoso"])?;
    assert_eq!(one.code, Some(0), "{one:?}");
    let status = env.run(&["status", "--json"])?;
    nothing_tells_a_secret(&env, &[&checked, &told, &one, &status])
}

#[test]
fn a_sign_in_without_a_second_factor_is_told() -> Result<()> {
    let script = HttpScript::by(|seen| {
        if is_token(seen) {
            return tokens(&json!({"scp": "user_impersonation", "amr": ["pwd"]}));
        }
        Reply::json(200, &json!({"items": []}))
    })?;
    let env = place("partner-center", &script.url())?;
    private(&env.path("refresh-token"), "canary-refresh")?;
    let checked = env.run(&["registrar", "check", "--json"])?;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stdout.contains("without a second factor"), "{checked:?}");
    Ok(())
}

#[test]
fn graph_is_looked_at_in_each_customers_tenant() -> Result<()> {
    let one_less = json!({"roles": ["DeviceManagementServiceConfig.ReadWrite.All"]});
    let fabrikams = format!("Bearer {}", token(&one_less));
    let script = HttpScript::by(move |seen| {
        if is_token(seen) && seen.target.contains(CONTOSO_TENANT) {
            let all = ["DeviceManagementServiceConfig.ReadWrite.All", "DeviceManagementManagedDevices.ReadWrite.All"];
            tokens(&json!({"roles": all}))
        } else if is_token(seen) {
            tokens(&one_less)
        } else if seen.target.contains("managedDevices") && seen.header("authorization") == Some(&fabrikams) {
            let error = json!({"error": {"code": "Forbidden", "message": "Application is not authorized"}});
            Reply::json(403, &error)
        } else {
            Reply::json(200, &json!({"value": []}))
        }
    })?;
    let env = place("graph", &script.url())?;
    let checked = env.run(&["registrar", "check", "--json"])?;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert_snapshot!(found(&checked, &script.url())?, @r"
    graph | token | contoso | good | the sign-in service gives one for 11111111-2222-3333-4444-555555555555 | -
    graph | permissions | contoso | good | the token holds DeviceManagementServiceConfig.ReadWrite.All, DeviceManagementManagedDevices.Read.All | -
    graph | imports | contoso | good | it answers | -
    graph | devices | contoso | good | it answers | -
    graph | uses | contoso | good | it answers | -
    graph | token | fabrikam | good | the sign-in service gives one for 99999999-2222-3333-4444-555555555555 | -
    graph | permissions | fabrikam | bad | the token doesn't hold DeviceManagementManagedDevices.Read.All | give the app registration these application permissions of Microsoft Graph, and let an administrator of the customer's tenant consent
    graph | imports | fabrikam | good | it answers | -
    graph | devices | fabrikam | good | it answers | -
    graph | uses | fabrikam | bad | it doesn't permit that (Forbidden: Application is not authorized) | have an administrator give what is needed: DeviceManagementManagedDevices.Read.All
    ");
    let asked: Vec<String> = script.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    assert_snapshot!(asked.join("\n"), @r"
    POST /11111111-2222-3333-4444-555555555555/oauth2/v2.0/token
    GET /v1.0/deviceManagement/importedWindowsAutopilotDeviceIdentities?$top=1
    GET /v1.0/deviceManagement/windowsAutopilotDeviceIdentities?$top=1
    GET /v1.0/deviceManagement/managedDevices?$top=1&$select=id
    POST /99999999-2222-3333-4444-555555555555/oauth2/v2.0/token
    GET /v1.0/deviceManagement/importedWindowsAutopilotDeviceIdentities?$top=1
    GET /v1.0/deviceManagement/windowsAutopilotDeviceIdentities?$top=1
    GET /v1.0/deviceManagement/managedDevices?$top=1&$select=id
    ");
    nothing_tells_a_secret(&env, &[&checked])
}

#[test]
fn a_secret_that_is_refused_or_open_to_others_is_told_with_what_to_do() -> Result<()> {
    let wrong =
        json!({"error": "invalid_client", "error_description": "AADSTS7000222: expired", "error_codes": [7_000_222]});
    let script = HttpScript::by(move |_| Reply::json(401, &wrong))?;
    let env = place("graph", &script.url())?;
    let refused = env.run(&["registrar", "check", "--customer", "contoso", "--json"])?;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_snapshot!(found(&refused, &script.url())?, @"graph | token | contoso | bad | the client secret has expired: make a new one in the app registration and put it in the place of the old one (invalid_client, AADSTS7000222). It says: AADSTS7000222: expired | -");
    fs::set_permissions(env.path("app.secret"), fs::Permissions::from_mode(0o640))?;
    let open = env.run(&["registrar", "check", "--customer", "contoso", "--json"])?;
    assert_eq!(open.code, Some(1), "{open:?}");
    let told = found(&open, &script.url())?.replace(&env.path("").display().to_string(), "[place]/");
    assert_snapshot!(told, @"graph | token | contoso | bad | the file [place]/app.secret has the mode 0640: others than its owner could use the secret; run `chmod 600 [place]/app.secret`, and if others use this machine, get a new secret | -");
    assert_eq!(script.seen().len(), 1, "nothing is asked with it");
    nothing_tells_a_secret(&env, &[&refused, &open])
}

#[test]
fn secrets_come_from_systemd_or_the_environment_too() -> Result<()> {
    let script = HttpScript::by(|seen| match seen.field("client_secret") {
        Some(secret) if secret.starts_with("canary-") => tokens(&json!({})),
        _ => Reply::json(401, &json!({"error": "invalid_client"})),
    })?;
    let mut env = place("graph", &script.url())?;
    let key = |name: &str| format!("registrar.graph.credentials.secret.{name}");
    let token_of = |env: &TestEnv| -> Result<String> {
        let checked = env.run(&["registrar", "check", "--customer", "contoso", "--json"])?;
        nothing_tells_a_secret(env, &[&checked])?;
        Ok(found(&checked, &script.url())?.lines().next().unwrap_or_default().to_owned())
    };
    env.unset(&key("file"))?.set(&key("environment"), "\"APP_SECRET\"")?;
    assert!(token_of(&env)?.contains("the environment variable APP_SECRET isn't set"));
    env.set_variable("APP_SECRET", "canary-environment");
    assert!(token_of(&env)?.contains(" | good | "));
    env.unset(&key("environment"))?.set(&key("systemd_credential"), "\"app.secret\"")?;
    assert!(token_of(&env)?.contains("LoadCredential=app.secret:PATH"));
    // As systemd lays it: readable for the service by an access list, which shows as rights of the group.
    let credentials = env.path("credentials");
    fs::create_dir(&credentials)?;
    fs::write(credentials.join("app.secret"), "canary-systemd")?;
    fs::set_permissions(credentials.join("app.secret"), fs::Permissions::from_mode(0o440))?;
    env.set_variable("CREDENTIALS_DIRECTORY", &credentials.display().to_string());
    assert!(token_of(&env)?.contains(" | good | "));
    let secrets: Vec<String> = script.seen().iter().filter_map(|seen| seen.field("client_secret")).collect();
    assert_eq!(secrets, ["canary-environment", "canary-systemd"]);
    Ok(())
}

#[test]
fn a_service_that_is_not_there_or_is_none_is_told() -> Result<()> {
    let script = HttpScript::by(|seen| {
        if is_token(seen) {
            return tokens(&json!({}));
        }
        if seen.target.contains("imported") {
            return Reply::empty(302).with("Location", "https://proxy.example/sign-in?canary");
        }
        Reply::json(200, &json!("hello")).with("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
    })?;
    let mut env = place("graph", &script.url())?;
    let odd = env.run(&["registrar", "check", "--customer", "contoso", "--json"])?;
    assert_eq!(odd.code, Some(1), "{odd:?}");
    let told = found(&odd, &script.url())?;
    let (before, clock) = told.rsplit_once(" | this machine's clock is ").context("a clock")?;
    assert!(clock.contains(" s ahead of the service's | set the clock right"), "{clock}");
    assert_snapshot!(before, @r"
    graph | token | contoso | good | the sign-in service gives one for 11111111-2222-3333-4444-555555555555 | -
    graph | permissions | contoso | bad | the token doesn't hold DeviceManagementServiceConfig.ReadWrite.All, DeviceManagementManagedDevices.Read.All | give the app registration these application permissions of Microsoft Graph, and let an administrator of the customer's tenant consent
    graph | imports | contoso | bad | it answers with status 302 and sends us to https://proxy.example/sign-in, where nothing is sent: look at `base_url`, and at proxies and sign-in pages on the way | -
    graph | devices | contoso | bad | it answers with something else than a list | look at `base_url`
    graph | uses | contoso | bad | it answers with something else than a list | look at `base_url`
    graph | clock | - | bad
    ");
    let url = script.url();
    drop(script);
    env.set("registrar.graph.login_url", &format!("{url:?}"))?;
    let gone = env.run(&["registrar", "check", "--json"])?;
    assert_eq!(gone.code, Some(1), "{gone:?}");
    let told = found(&gone, &url)?;
    assert!(
        told.starts_with("graph | token | contoso | bad | the sign-in service at [url] can't be reached"),
        "{told}"
    );
    assert!(told.lines().count() == 2 && told.contains("graph | others | - | care | not every customer"), "{told}");
    nothing_tells_a_secret(&env, &[&odd, &gone])
}

#[test]
fn proxies_are_found_in_the_usual_variables() -> Result<()> {
    let proxy = HttpScript::by(|seen| match seen.method.as_str() {
        "CONNECT" => Reply::empty(403),
        _ => tokens(&json!({})),
    })?;
    let mut env = place("graph", "https://service.invalid")?;
    env.set("registrar.graph.login_url", "\"http://127.0.0.1:9\"")?
        .set_variable("HTTP_PROXY", &proxy.url())
        .set_variable("https_proxy", &proxy.url());
    let checked = env.run(&["registrar", "check", "--customer", "contoso", "--json"])?;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let asked: Vec<String> = proxy.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    assert_eq!(asked[0], format!("POST http://127.0.0.1:9/{CONTOSO_TENANT}/oauth2/v2.0/token"));
    assert_eq!(asked[1], "CONNECT service.invalid:443");
    assert!(proxy.seen()[1].header("authorization").is_none(), "the proxy gets no token");
    env.set_variable("NO_PROXY", "127.0.0.1,service.invalid");
    let direct = env.run(&["registrar", "check", "--customer", "contoso", "--json"])?;
    assert_eq!(direct.code, Some(1), "{direct:?}");
    assert_eq!(proxy.seen().len(), asked.len(), "nothing more came to it");
    nothing_tells_a_secret(&env, &[&checked, &direct])
}

/// A sign-in service at which the user's code is entered at once, and a registrar that knows of no batch.
fn who_signs_in_may_register() -> Result<HttpScript> {
    HttpScript::by(|seen| {
        if seen.target.ends_with("/devicecode") {
            return code();
        }
        if is_token(seen) {
            return tokens(&json!({"scp": "user_impersonation"}));
        }
        Reply::json(200, &json!({"items": []}))
    })
}

#[test]
fn a_user_signs_in_and_the_registrar_can_be_looked_at() -> Result<()> {
    let script = who_signs_in_may_register()?;
    let env = place("partner-center", &script.url())?;
    let before = env.run(&["registrar", "check", "--json"])?;
    assert_eq!(before.code, Some(1));
    assert!(before.stdout.contains("run `devicedrop registrar sign-in`"), "{before:?}");
    let signed = env.run(&["registrar", "sign-in"])?;
    assert_eq!(signed.code, Some(0), "{signed:?}");
    assert!(signed.stderr.contains("open   https://login.example/device\nenter  GHK-QWE\n"), "{signed:?}");
    let file = env.path("refresh-token");
    assert_eq!(fs::read_to_string(&file)?, "canary-next\n");
    assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o7777, 0o600);
    let after = env.run(&["registrar", "check", "--json"])?;
    assert_eq!(after.code, Some(0), "{after:?}");
    nothing_tells_a_secret(&env, &[&before, &signed, &after])
}

#[test]
fn a_running_daemon_goes_on_by_a_sign_in_at_once() -> Result<()> {
    let script = who_signs_in_may_register()?;
    let env = place("partner-center", &script.url())?;
    let mut daemon = start(&env)?;
    env.drop_file("contoso", "a.csv", csv(&["1"]))?;
    daemon.wait_for("broken", |line| line.message() == "registrar" && line.has("health", "Broken"))?;
    let asked = script.seen().len();
    assert_eq!(asked, 0, "nobody signed in, so that nobody can be asked");
    let signed = env.run(&["registrar", "sign-in"])?;
    assert_eq!(signed.code, Some(0), "{signed:?}");
    assert!(signed.stderr.ends_with("the daemon goes on by it\n"), "{signed:?}");
    daemon.wait_until("an upload", || {
        let is_upload = |seen: &Seen| seen.method == "POST" && seen.target.ends_with("/deviceBatches");
        Ok(script.seen().iter().any(is_upload).then_some(()))
    })?;
    let acted = "SELECT action, subject FROM audit_actions WHERE action = 'sign_in'";
    assert_eq!(rows(&env, acted)?, [format!("sign_in|{}", script.url())]);
    daemon.kill()?;
    Ok(())
}

#[test]
fn a_sign_in_can_be_called_off() -> Result<()> {
    let script = HttpScript::by(|seen| if seen.target.ends_with("/devicecode") { code() } else { Reply::Silence })?;
    let env = place("partner-center", &script.url())?;
    private(&env.path("refresh-token"), "canary-before")?;
    let mut command = env.command();
    let child = command.args(["registrar", "sign-in"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    script.wait_for(2)?;
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)?;
    let ended = child.wait_with_output()?;
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("the sign-in was called off"), "{ended:?}");
    assert_eq!(fs::read_to_string(env.path("refresh-token"))?, "canary-before");
    Ok(())
}

/// A code for a person to enter, and leave to ask for its token at once.
fn code() -> Reply {
    let begun = json!({
        "user_code": "GHK-QWE", "device_code": "canary-code", "verification_uri": "https://login.example/device",
        "expires_in": 900, "interval": 0,
    });
    Reply::json(200, &begun)
}

#[test]
fn signing_in_is_for_partner_center() -> Result<()> {
    let refused = env()?.run(&["registrar", "sign-in"])?;
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("registrar.kind = \"partner-center\""), "{refused:?}");
    Ok(())
}

#[test]
fn the_embedded_registrar_is_looked_at_too() -> Result<()> {
    let mut env = env()?;
    env.set("registrar.embedded.inventory", "\"required\"")?;
    let nothing = env.run(&["registrar", "check", "--json"])?;
    assert_eq!(nothing.code, Some(0), "{nothing:?}");
    assert!(nothing.stdout.contains("isn't there yet"), "{nothing:?}");
    assert!(!env.path("state/registry.db").exists(), "looking makes nothing");
    run_once(&env)?;
    let empty = env.run(&["registrar", "check", "--json"])?;
    assert!(empty.stdout.contains(r#""rank":"care","found":"devices in the inventory: 0""#), "{empty:?}");
    fs::write(env.path("inventory.csv"), csv(&["1", "2"]))?;
    ensure!(env.run(&["registry", "import", "inventory.csv"])?.code == Some(0), "an import");
    let filled = env.run(&["registrar", "check", "--json"])?;
    assert_eq!(filled.code, Some(0), "{filled:?}");
    assert!(filled.stdout.contains("devices in the inventory: 2"), "{filled:?}");
    fs::write(env.path("state/registry.db"), "no database")?;
    let broken = env.run(&["registrar", "check"])?;
    assert_eq!(broken.code, Some(1), "{broken:?}");
    Ok(())
}

#[test]
fn a_file_without_hardware_hashes_is_none_for_graph_and_check_says_so_before() -> Result<()> {
    let mut env = place("graph", "https://service.invalid")?;
    env.set("customers.fabrikam.locale", "\"nl\"")?;
    let path = env.write_file("contoso", "a.csv", csv(&["1"]))?;
    let dutch = env.write_file("fabrikam", "a.csv", csv(&["1"]))?;
    for arguments in [["check"].as_slice(), &["check", "--customer", "contoso"]] {
        let file = path.display().to_string();
        let checked = env.run(&[arguments, &[file.as_str()]].concat())?;
        assert_eq!(checked.code, Some(1), "{checked:?}");
        ensure!(checked.stdout.contains("by their hardware hash alone"), "{checked:?}");
        ensure!(checked.stdout.contains("Hardware Hash"), "{checked:?}");
    }
    let once = env.run(&["run", "--once"])?;
    assert_eq!(once.code, Some(1), "it was rejected: {once:?}");
    let result = fs::read_to_string(path.with_file_name("a.result.csv"))?;
    ensure!(result.contains("File not valid") && result.contains("by their hardware hash alone"), "{result}");
    let result = fs::read_to_string(dutch.with_file_name("a.result.csv"))?;
    ensure!(result.contains("worden hier alleen met hun hardwarehash geregistreerd"), "{result}");
    env.set("customers.contoso.formats", "[\"partner\"]")?;
    let refused = env.run(&["status"])?;
    let why =
        "found \"partner\", expected \"self-service\": the registrar \"graph\" registers by hardware hash alone";
    ensure!(refused.stderr.contains(why), "{refused:?}");
    Ok(())
}
