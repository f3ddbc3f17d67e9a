//! The sections of registration services elsewhere, and what they ask of customers.

use super::*;

const ID: &str = "6731de76-14a6-49ae-97bc-6eba6914391e";

/// A configuration for a kind of registrar, with these lines in its section and these credentials.
fn text(kind: &str, lines: &str, credentials: &str) -> String {
    let section = kind.replace('-', "_");
    format!(
        "registrar.kind = '{kind}'\n[registrar.{section}]\nclient_id = '{ID}'\n{lines}\n\
         [registrar.{section}.credentials]\n{credentials}\n"
    )
}

fn partner(lines: &str, credentials: &str) -> String {
    text("partner-center", &format!("tenant_id = '{ID}'\n{lines}"), credentials)
}

const SECRET: &str = "secret = { file = 'app.secret' }";

#[test]
fn the_example_in_the_reference_configuration_is_right() {
    let mut text = String::new();
    for line in reference().lines() {
        let bare = line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || rest.contains(" = "));
        text.push_str(&bare.unwrap_or(line).replace("customers = \"folders\"", "customers = \"configured\""));
        text.push('\n');
    }
    let text = text.replace("tenant_id = \"...\"", &format!("tenant_id = '{ID}'"));
    for kind in ["partner-center", "graph"] {
        let mut text = text.replace("kind = \"embedded\"", &format!("kind = \"{kind}\""));
        if kind == "graph" {
            // What Graph can't register isn't taken: it knows devices by their hashes alone.
            assert!(told(&text).contains("found \"partner\", expected \"self-service\""), "{}", told(&text));
            text = text.replace("formats = [\"partner\"]", "formats = [\"self-service\"]");
        }
        let registrar = good(&text).registrar;
        assert_eq!(registrar.partner_center.is_some(), kind == "partner-center");
        let graph = registrar.graph.expect("the second section");
        assert!(matches!(graph.credentials.proof, Some(AppProof::Certificate { .. })));
    }
}

#[test]
fn sections_that_nobody_uses_are_left_alone() {
    let unused = "[registrar.partner_center]\nbase_url = 'nonsense'\n[registrar.graph]\n";
    assert_eq!(good(unused).registrar, good("").registrar);
    assert_eq!(
        told("[registrar.graph]\nbase_ulr = 1"),
        "line 2: `registrar.graph.base_ulr` is not a key; the nearest that is: `registrar.graph.base_url`"
    );
    let misspelt = "[registrar.graph.credentials]\nsecret = { flie = 'x' }";
    assert_eq!(
        told(misspelt),
        "line 2: `registrar.graph.credentials.secret.flie` is not a key; the nearest that is: `registrar.graph.credentials.secret.file`"
    );
}

#[test]
fn what_is_left_out_is_microsofts_and_a_service_elsewhere_brings_its_sign_in_along() {
    let at = |lines: &str| good(&partner(lines, SECRET)).registrar.partner_center.expect("a section");
    let usual = at("");
    assert_eq!(usual.base_url, "https://api.partnercenter.microsoft.com");
    assert_eq!(usual.login_url, "https://login.microsoftonline.com");
    assert_eq!(usual.credentials.proof, Some(AppProof::Secret(SecretPlace::File("/nowhere/app.secret".into()))));
    let trial = at("base_url = 'http://127.0.0.1:8080/'");
    assert_eq!(
        (trial.base_url.as_str(), trial.login_url.as_str()),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080")
    );
    let behind = at("base_url = 'https://proxy.example/partner/'");
    assert_eq!(
        (behind.base_url.as_str(), behind.login_url.as_str()),
        ("https://proxy.example/partner", "https://proxy.example")
    );
    let named = at("base_url = 'http://[::1]:1'\nlogin_url = 'http://localhost:2'");
    assert_eq!(named.login_url, "http://localhost:2");
}

#[test]
fn addresses_tenants_and_apps_are_checked() {
    let files = [
        partner("base_url = 'api.partnercenter.microsoft.com'", SECRET),
        partner("base_url = 'http://api.example'", SECRET),
        partner("base_url = 'ftp://api.example'", SECRET),
        partner("base_url = 'https://user:canary@api.example'", SECRET),
        partner("login_url = 'https://login.example/?a=b'", SECRET),
        text("partner-center", "", SECRET),
        text("graph", "tenant_id = 'contoso'", SECRET),
        text("graph", "", SECRET).replace(ID, "my app"),
        text("graph", "", SECRET).replace(&format!("client_id = '{ID}'"), ""),
    ];
    assert_snapshot!(files.map(|text| super::told(&text)).join("\n"), @r#"
    line 5: `registrar.partner_center.base_url`: found "api.partnercenter.microsoft.com", expected an address such as "https://graph.microsoft.com"
    line 5: `registrar.partner_center.base_url`: http:// is for a service on this machine alone (127.0.0.1, localhost): elsewhere, everybody on the way could read the tokens; write https://
    line 5: `registrar.partner_center.base_url`: found "ftp://api.example", expected an address such as "https://graph.microsoft.com"
    line 5: `registrar.partner_center.base_url`: a name or password can't stand in an address: see `credentials`
    line 5: `registrar.partner_center.login_url`: found "https://login.example/?a=b", expected an address without `?` and `#`
    line 2: `registrar.partner_center`: `tenant_id` is missing: the partner's own tenant
    line 4: `registrar.graph.tenant_id`: found "contoso", expected a tenant's ID ("6731de76-14a6-49ae-97bc-6eba6914391e") or one of its domain names ("contoso.onmicrosoft.com")
    line 3: `registrar.graph.client_id`: found "my app", expected the app registration's ID, such as "6731de76-14a6-49ae-97bc-6eba6914391e"
    line 2: `registrar.graph`: `client_id` is missing: the ID of the app registration
    "#);
}

#[test]
fn credentials_are_one_way_to_prove_it_and_each_secret_has_one_place() {
    let files = [
        text("graph", "", ""),
        text("graph", "", "secret = { file = 'a', environment = 'B' }"),
        text("graph", "", "secret = {}"),
        text("graph", "", "secret = 'canary'"),
        text("graph", "", "secret = { environment = 'A=B' }"),
        text("graph", "", "secret = { systemd_credential = '../x' }"),
        text("graph", "", "secret = { file = '' }"),
        text("graph", "", "secret = { file = 'a' }\ncertificate = { file = 'b' }"),
        text("graph", "", "private_key = { file = 'b' }"),
        text("graph", "", "refresh_token_file = 'token'"),
        text("graph", "", "certificate = { file = 'both.pem' }"),
        partner("", "refresh_token_file = 'token'"),
    ];
    assert_snapshot!(files.map(|text| super::told(&text)).join("\n"), @r#"
    line 5: `registrar.graph.credentials`: found nothing to prove who the app is; expected `secret`, or `certificate` and `private_key`
    line 6: `registrar.graph.credentials.secret`: expected one place, such as { file = "/etc/devicedrop/app.secret" }, { systemd_credential = "NAME" } or { environment = "NAME" }
    line 6: `registrar.graph.credentials.secret`: expected one place, such as { file = "/etc/devicedrop/app.secret" }, { systemd_credential = "NAME" } or { environment = "NAME" }
    line 6: `registrar.graph.credentials.secret`: found a text, expected the place of a secret, such as { file = "/etc/devicedrop/app.secret" }: no secret stands in here
    line 6: `registrar.graph.credentials.secret`: expected a name, without slashes and equals signs
    line 6: `registrar.graph.credentials.secret`: expected a name, without slashes and equals signs
    line 6: `registrar.graph.credentials.secret.file`: found nothing, expected a path
    line 6: `registrar.graph.credentials.secret`: stands beside `certificate` or `private_key`: take one way to prove who the app is
    line 6: `registrar.graph.credentials.private_key`: needs its `certificate` beside it
    line 6: `registrar.graph.credentials.refresh_token_file`: is for [registrar.partner_center] alone: Graph is asked with the app's own permissions
    fine
    fine
    "#);
}

#[test]
fn each_customer_needs_its_tenant() {
    let with = |start: String, customer: &str| super::told(&format!("{start}[customers.contoso]\n{customer}\n"));
    let answers = [
        with(partner("", SECRET), ""),
        with(partner("", SECRET), "tenant_id = 'contoso.example'"),
        with(partner("", SECRET), &format!("tenant_id = '{ID}'")),
        with(text("graph", "", SECRET), ""),
        with(text("graph", "", SECRET), "tenant_id = 'contoso'"),
        with(text("graph", "", SECRET), "tenant_id = 'contoso.example'"),
        with(text("graph", &format!("tenant_id = '{ID}'"), SECRET), ""),
        with("[registrar]\nkind = 'embedded'\n".to_owned(), "tenant_id = 'whatever'"),
    ];
    assert_snapshot!(answers.join("\n"), @r#"
    line 8: `customers.contoso`: `tenant_id` is missing: the registrar "partner-center" needs each customer's
    line 9: `customers.contoso.tenant_id`: found "contoso.example", expected the tenant's ID ("6731de76-14a6-49ae-97bc-6eba6914391e"): Partner Center knows customers by nothing else
    fine
    line 7: `customers.contoso`: `tenant_id` is missing: the registrar "graph" needs each customer's
    line 8: `customers.contoso.tenant_id`: found "contoso", expected a tenant's ID ("6731de76-14a6-49ae-97bc-6eba6914391e") or one of its domain names ("contoso.onmicrosoft.com")
    fine
    fine
    fine
    "#);
    let config = good(&format!("{}[customers.contoso]\n", text("graph", &format!("tenant_id = '{ID}'"), SECRET)));
    let contoso = config.customers.values().next().expect("a customer");
    assert_eq!(contoso.tenant_id.as_deref(), Some(ID), "the service's is that of customers that name none");
}

#[test]
fn a_reload_refuses_what_needs_a_restart_at_a_service() {
    let customer = |tenant: &str| format!("[customers.contoso]\ntenant_id = '{tenant}'\n");
    let old = format!("{}{}", partner("", SECRET), customer(ID));
    let refusals = |new: &str| reload_refusals(&good(&old), &good(new)).join("\n");
    assert_eq!(refusals(&format!("{old}paused = true")), "");
    let other = "11111111-2222-3333-4444-555555555555";
    let moved = format!(
        "{}{}",
        partner("base_url = 'http://127.0.0.1:1'", "secret = { environment = 'S' }"),
        customer(other)
    );
    assert_snapshot!(refusals(&moved), @r#"
    `registrar.partner_center.base_url` changed from "https://api.partnercenter.microsoft.com" to "http://127.0.0.1:1": restart the daemon for that
    `registrar.partner_center.login_url` changed from "https://login.microsoftonline.com" to "http://127.0.0.1:1": restart the daemon for that
    `registrar.partner_center.credentials` changed: restart the daemon for that
    the customer `contoso` has another tenant: restart the daemon for that
    "#);
    let graph = text("graph", "", SECRET).replace("registrar.kind = 'graph'", "");
    assert_eq!(
        refusals(&format!("{old}{graph}")),
        "the section `registrar.graph` came or went: restart the daemon for that"
    );
}
