//! The client against servers that misbehave, on plain sockets.

use devicedrop_testkit::http_script::{HttpScript, Reply};

use super::*;

/// Limits that no good answer on loopback reaches, however slow the machine.
fn generous() -> Limits {
    Limits { connect: Duration::from_mins(1), body: 1_000, ..Limits::default() }
}

fn to(url: &str) -> Exchange {
    let url = Url::parse(url).expect("an address");
    Exchange { method: Method::POST, url, headers: HeaderMap::new(), body: Some(b"canary".to_vec()) }
}

async fn sent(limits: Limits, exchange: Exchange) -> Result<Received, Failure> {
    Http::within(limits).expect("a client").send(exchange).await
}

async fn lost(limits: Limits, script: &HttpScript) -> String {
    match sent(limits, to(&script.url())).await {
        Err(Failure::Lost(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn asks(value: &'static str) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert("Retry-After", HeaderValue::from_static(value));
    let received = Received { status: 429, headers, body: Vec::new() };
    received.retry_after(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777))
}

#[test]
fn a_wait_is_asked_for_in_seconds_or_as_a_date() {
    assert_eq!(asks("57"), Some(Duration::from_secs(57)));
    assert_eq!(asks("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_mins(1)));
    assert_eq!(asks("Sun, 06 Nov 1994 08:48:37 GMT"), Some(Duration::ZERO), "it is over");
    assert_eq!(asks("99999999999"), Some(LONGEST_WAIT));
    assert_eq!(asks("2.128"), Some(Duration::from_secs(3)), "as Graph's documentation shows it");
    assert_eq!(asks("soon"), None);
}

#[tokio::test]
async fn a_good_exchange_is_sent_once_and_read_whole() {
    let script = HttpScript::list([Reply::json(200, &"x".into()).with("X-Id", "7")]).expect("a server");
    let mut exchange = to(&format!("{}/a?b=c", script.url()));
    exchange.headers.insert("authorization", HeaderValue::from_static("Bearer t"));
    let received = sent(generous(), exchange).await.expect("an answer");
    assert_eq!((received.status, received.header("x-id"), received.body.as_slice()), (200, Some("7"), &b"\"x\""[..]));
    let seen = script.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].method.as_str(), seen[0].target.as_str(), seen[0].text().as_str()),
        ("POST", "/a?b=c", "canary")
    );
    assert_eq!(seen[0].header("authorization"), Some("Bearer t"));
}

#[tokio::test]
async fn nobody_there_means_that_nothing_was_sent() {
    // A port that was free a moment ago, and that nobody listens on.
    let address = HttpScript::list([]).expect("a server").address();
    let failed = sent(generous(), to(&format!("http://{address}"))).await;
    assert!(matches!(&failed, Err(Failure::NotSent(why)) if why.starts_with("tcp connect error: ")), "{failed:?}");
    // A name that no resolver knows (RFC 6761).
    let failed = sent(generous(), to("http://nobody.invalid")).await;
    assert!(matches!(failed, Err(Failure::NotSent(_))), "{failed:?}");
}

#[tokio::test]
async fn a_server_without_tls_where_tls_is_expected_gets_nothing() {
    let script = HttpScript::list([Reply::empty(200)]).expect("a server");
    let failed = sent(generous(), to(&format!("https://{}", script.address()))).await;
    assert!(matches!(failed, Err(Failure::NotSent(_))), "{failed:?}");
    assert_eq!(script.seen(), []);
}

#[tokio::test]
async fn what_could_have_been_sent_is_lost_however_the_server_hangs_up() {
    let read = HttpScript::list([Reply::Close]).expect("a server");
    lost(generous(), &read).await;
    assert_eq!(read.seen().len(), 1, "and isn't sent again");
    lost(generous(), &HttpScript::hanging_up().expect("a server")).await;
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec();
    lost(generous(), &HttpScript::list([Reply::Raw(half)]).expect("a server")).await;
    let odd = HttpScript::list([Reply::Raw(b"not HTTP at all\r\n\r\n".to_vec())]).expect("a server");
    lost(generous(), &odd).await;
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_not_a_reason_to_send_twice() {
    let script = HttpScript::list([Reply::empty(200), Reply::Close, Reply::empty(200)]).expect("a server");
    let http = Http::within(generous()).expect("a client");
    assert!(http.send(to(&script.url())).await.is_ok());
    let failed = http.send(to(&script.url())).await;
    assert!(matches!(failed, Err(Failure::Lost(_))), "{failed:?}");
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn each_wait_has_a_limit() {
    let quick = Duration::from_millis(50);
    let silent = HttpScript::list([Reply::Silence]).expect("a server");
    assert!(lost(Limits { first_byte: quick, ..generous() }, &silent).await.contains("no answer within"));
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec();
    let stalled = HttpScript::list([Reply::Stall(head)]).expect("a server");
    assert!(lost(Limits { whole: quick, ..generous() }, &stalled).await.contains("no whole answer within"));
    let endless = HttpScript::list([Reply::Endless]).expect("a server");
    assert_eq!(lost(generous(), &endless).await, "its answer is longer than 1000 bytes");
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_has_a_limit_too_and_nothing_was_sent() {
    // It accepts, and never says a word of TLS.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let failed = sent(Limits { connect: Duration::from_millis(50), ..generous() }, to(&url)).await;
    assert!(matches!(&failed, Err(Failure::NotSent(_))), "{failed:?}");
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let there = HttpScript::list([Reply::empty(200)]).expect("a server");
    let to_there = format!("{}/sign-in?code=canary", there.url());
    let script = HttpScript::list([Reply::empty(307).with("Location", &to_there)]).expect("a server");
    let received = sent(generous(), to(&script.url())).await.expect("an answer");
    let told = received.redirect().expect("a redirect");
    assert!(told.contains("status 307") && told.contains(&there.url()) && !told.contains("canary"), "{told}");
    assert_eq!(there.seen(), []);
}

#[test]
fn nothing_shows_a_body_or_a_sensitive_header() {
    let mut secret = HeaderValue::from_static("canary");
    secret.set_sensitive(true);
    let mut exchange = to("https://example.com");
    exchange.headers.insert("authorization", secret);
    let received = Received { status: 200, headers: exchange.headers.clone(), body: b"canary".to_vec() };
    let shown = format!("{exchange:?} {received:?}");
    assert!(!shown.contains("canary") && !shown.contains("99, 97"), "{shown}");
}
