//! Whose certificates are believed: those that the system trusts, and nobody else's.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Result, ensure};
use devicedrop_testkit::env::TestEnv;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::scene::env;

/// Made for these tests by openssl; the root's key is gone, and the server's opens nothing.
const ROOT: &str = include_str!("tls/root.pem");
const SERVER: &str = include_str!("tls/server.pem");
const KEY: &str = include_str!("tls/server.key");

/// A server for `localhost` that answers each connection's first request with a token that is a list, too, and tells
/// the request's first line, or that there was none. Ends with the test's process.
fn server() -> Result<(String, Receiver<String>)> {
    let chain = vec![CertificateDer::from_pem_slice(SERVER.as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = Arc::new(versions.with_no_client_auth().with_single_cert(chain, key)?);
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    let (told, lines) = sync_channel(100);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(stream), Ok(connection)) = (stream, ServerConnection::new(Arc::clone(&config))) else { return };
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).is_ok_and(|read| read > 0) {}
            let body = r#"{"access_token":"a","expires_in":3600,"value":[]}"#;
            let answer =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let first = head.lines().next().unwrap_or("nothing").to_owned();
            drop(stream.get_mut().write_all(answer.as_bytes()));
            stream.get_mut().conn.send_close_notify();
            drop(stream.get_mut().flush());
            if told.send(first).is_err() {
                return;
            }
        }
    });
    Ok((url, lines))
}

fn place(url: &str) -> Result<TestEnv> {
    let mut env = env()?;
    let secret = env.path("app.secret");
    fs::write(&secret, "s")?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    env.set("registrar.kind", "\"graph\"")?
        .set("drop.customers", "\"configured\"")?
        .set("registrar.graph.base_url", &format!("{url:?}"))?
        .set("registrar.graph.client_id", "\"6731de76-14a6-49ae-97bc-6eba6914391e\"")?
        .set("registrar.graph.credentials.secret.file", &format!("{secret:?}"))?
        .set("customers.contoso.tenant_id", "\"contoso.example\"")?;
    Ok(env)
}

#[test]
fn who_is_not_vouched_for_gets_nothing_and_the_systems_roots_vouch() -> Result<()> {
    let (url, lines) = server()?;
    let mut env = place(&url)?;
    let stranger = env.run(&["registrar", "check", "--json"])?;
    assert_eq!(stranger.code, Some(1), "{stranger:?}");
    assert!(stranger.stdout.contains("can't be reached") && stranger.stdout.contains("ertificate"), "{stranger:?}");
    assert_eq!(lines.recv()?, "nothing", "no byte of the request was sent");

    fs::write(env.path("root.pem"), ROOT)?;
    let root = env.path("root.pem").display().to_string();
    env.set_variable("SSL_CERT_FILE", &root);
    let vouched = env.run(&["registrar", "check", "--json"])?;
    ensure!(vouched.code == Some(0), "{vouched:?}");
    assert_eq!(lines.recv()?, "POST /contoso.example/oauth2/v2.0/token HTTP/1.1");

    // The same server under a name that its certificate doesn't hold.
    let mut other = place(&url.replace("localhost", "127.0.0.1"))?;
    fs::write(other.path("root.pem"), ROOT)?;
    let root = other.path("root.pem").display().to_string();
    other.set_variable("SSL_CERT_FILE", &root);
    let misnamed = other.run(&["registrar", "check", "--json"])?;
    assert_eq!(misnamed.code, Some(1), "{misnamed:?}");
    let rest: Vec<String> = lines.try_iter().collect();
    assert_eq!(rest.iter().filter(|line| line.starts_with("POST")).count(), 0, "{rest:?}");
    Ok(())
}
