//! The web page as browsers and others meet it: who is let in, what is shown of whatever lies in a file, and what
//! happens while it is open.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::mpsc::channel;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::{TestEnv, WATCHDOG};
use devicedrop_testkit::process::Daemon;
use serde_json::Value;

use crate::scene::{CONTOSO, csv, env, fence, start, stop, wait_for_verdict};

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Sends a request as it stands and reads the answer to its end.
fn converse(mut stream: impl Read + Write, request: &str) -> Result<Answer> {
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes)?;
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("no answer: {text:?}"))?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?.parse()?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Ok(Answer { status, headers, body: body.to_owned() })
}

/// A daemon with a page.
struct Page {
    env: TestEnv,
    daemon: Daemon,
    address: String,
    token: String,
}

impl Page {
    fn open(settings: &[(&str, &str)]) -> Result<Self> {
        let mut env = env()?;
        env.set("web.listen", "\"127.0.0.1:0\"")?;
        for (key, value) in settings {
            env.set(key, value)?;
        }
        let daemon = start(&env)?;
        Self::of(env, daemon)
    }

    fn of(env: TestEnv, daemon: Daemon) -> Result<Self> {
        let status = env.run(&["status", "--json"])?.json()?;
        let whole = status["web"].as_str().context("status names the page")?.to_owned();
        let (address, token) = whole
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once("/?token="))
            .with_context(|| whole.clone())?;
        Ok(Self { env, daemon, address: address.to_owned(), token: token.to_owned() })
    }

    fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(WATCHDOG))?;
        Ok(stream)
    }

    fn send(&self, method: &str, path: &str, headers: &[&str]) -> Result<Answer> {
        let headers: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
        converse(self.connect()?, &format!("{method} {path} HTTP/1.0\r\n{headers}\r\n"))
    }

    /// Asks as somebody who is let in.
    fn get(&self, path: &str) -> Result<Answer> {
        self.ask(path, "en")
    }

    fn ask(&self, path: &str, language: &str) -> Result<Answer> {
        let (host, bearer) = (format!("Host: {}", self.address), format!("Authorization: Bearer {}", self.token));
        self.send("GET", path, &[&host, &bearer, &format!("Accept-Language: {language}")])
    }

    fn host(&self) -> String {
        format!("Host: {}", self.address)
    }
}

/// The text between two others, each time that they stand around one.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split_once(after)).map(|(found, _)| found).collect()
}

#[test]
fn whoever_has_the_token_is_let_in_and_nobody_else() -> Result<()> {
    let page = Page::open(&[])?;
    let host = page.host();
    let mode = page.env.path("state/web.token").metadata()?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for path in ["/", "/submissions", "/waiting", "/devices/1", "/devices.csv", "/api/v1/events", "/nothing"] {
        for extra in ["X: y", "Authorization: Bearer wrong", "Authorization: Basic eDp5", "Cookie: devicedrop=x"] {
            let answer = page.send("GET", path, &[&host, extra])?;
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{path} {extra}");
            ensure!(!answer.body.contains("<nav"), "{path} shows more than its door: {}", answer.body);
        }
    }
    assert_eq!(page.send("GET", "/?token=wrong", &[&host])?.status, 401);
    let given = page.send("GET", &format!("/submissions?customer=a%20b&token={}", page.token), &[&host])?;
    assert_eq!((given.status, given.header("location")), (303, Some("/submissions?customer=a%20b")));
    let cookie = given.header("set-cookie").context("a cookie")?;
    let port = page.address.rsplit(':').next().context("a port")?;
    ensure!(cookie.starts_with(&format!("devicedrop-{port}=")), "{cookie}");
    ensure!(cookie.ends_with("; HttpOnly; SameSite=Strict") && cookie.contains("; Path=/;"), "{cookie}");
    ensure!(!cookie.contains(&page.token), "browsers send cookies to every port of a host");
    let kept = format!("Cookie: other=1; {}", cookie.split(';').next().unwrap_or_default());
    assert_eq!(page.send("GET", "/", &[&host, &kept])?.status, 200);
    assert_eq!(page.send("HEAD", "/", &[&host, &kept])?.body, "");
    // Out of the address even where it isn't needed.
    assert_eq!(page.send("GET", &format!("/?token={}", page.token), &[&host, &kept])?.status, 303);
    let shown = page.get("/")?;
    assert_eq!(shown.status, 200);
    for (name, value) in &given.headers {
        ensure!(!value.contains(&page.token), "the token stands in {name}");
    }
    ensure!(!shown.body.contains(&page.token));
    // It stays over a restart, and it is in no log.
    let (token, Page { env, daemon, .. }) = (page.token.clone(), page);
    let (code, log) = daemon.terminate()?;
    assert_eq!(code, 0);
    ensure!(log.iter().all(|line| !line.text.contains(&token)), "the token is in the log");
    let daemon = start(&env)?;
    let again = Page::of(env, daemon)?;
    assert_eq!(again.token, token);
    stop(again.daemon)
}

#[test]
fn only_our_own_names_are_answered_and_only_reading() -> Result<()> {
    let page = Page::open(&[])?;
    let bearer = format!("Authorization: Bearer {}", page.token);
    let port = page.address.rsplit(':').next().context("a port")?;
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        assert_eq!(page.send("GET", "/", &[&format!("Host: {host}"), &bearer])?.status, 200, "{host}");
    }
    for host in
        [format!("evil.example:{port}"), "localhost".into(), "localhost:1".into(), format!("192.0.2.1:{port}")]
    {
        assert_eq!(page.send("GET", "/", &[&format!("Host: {host}"), &bearer])?.status, 421, "{host}");
    }
    assert_eq!(page.send("GET", "/", &[&bearer])?.status, 421, "no name at all");
    let host = page.host();
    assert_eq!(page.send("GET", "/", &[&host, "Host: evil.example", &bearer])?.status, 421);
    assert_eq!(page.send("GET", &format!("http://evil.example:{port}/"), &[&host, &bearer])?.status, 421);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = page.send(method, "/", &[&host, &bearer, "Content-Length: 0"])?;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    for path in ["/", "/nothing", "/style.css", "/devices.csv", "/devices/99"] {
        for answer in [page.get(path)?, page.send("GET", path, &[&host])?] {
            let policy = answer.header("content-security-policy").context("a policy")?;
            ensure!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
            ensure!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        }
    }
    assert_eq!(page.get("/")?.header("cache-control"), Some("no-store"));
    let style = page.get("/style.css")?;
    let tag = format!("If-None-Match: {}", style.header("etag").context("a tag")?);
    let known = page.send("GET", "/style.css", &[&host, &bearer, &tag])?;
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    let long = format!("X-Long: {}", "x".repeat(64 * 1024));
    assert_eq!(page.send("GET", "/", &[&host, &bearer, &long])?.status, 431);
    stop(page.daemon)
}

/// Rows of values that would do something if they were taken for anything but text.
fn hostile_rows() -> String {
    let hostile = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "javascript:alert(1)",
        "&lt;b&gt;",
        "{{7*7}}",
        "abc\u{202e}gnp.exe",
        "=HYPERLINK(\"http://evil.example\")",
        "-2+3",
    ];
    let mut text = String::from("Manufacturer,Model,Serial Number\n");
    for (at, value) in hostile.iter().enumerate() {
        let quoted = format!("\"{}\"", value.replace('"', "\"\""));
        let bare = value.replace('"', "\"\"");
        text.extend([&quoted, ",", &quoted, ",\"", &at.to_string(), &bare, "\"\n"]);
        text.extend([&quoted, ",", &quoted, ",", &quoted, "\n"]);
    }
    text
}

#[test]
fn whatever_stands_in_a_file_runs_nothing_and_deceives_nobody() -> Result<()> {
    let mut page = Page::open(&[("registrar.embedded.inventory", "\"required\"")])?;
    let text = hostile_rows();
    let name = "<script>alert(2)<!--\" onload='x'.csv";
    let folder = "<svg onload=alert(3)>";
    page.env.drop_file(CONTOSO, &format!("{folder}/{name}"), &text)?;
    page.env.drop_file(CONTOSO, "<iframe src=x>.csv", "<script>,b\n1,2\n")?;
    page.env.drop_file(CONTOSO, "<object>.xlsx", "x")?;
    page.daemon.wait_for("the answers", |line| {
        line.message() == "result written" && line.has("last", "true") && line.has("rows", "18")
    })?;
    let mut paths: BTreeSet<String> =
        ["/", "/submissions", "/waiting", "/?customer=%3Cscript%3E", "/?serial=%3Cscript"].map(str::to_owned).into();
    for path in ["/", "/submissions"] {
        let body = page.get(path)?.body;
        let links = between(&body, "href=\"", "\"")
            .into_iter()
            .filter(|link| link.starts_with("/devices/") || link.starts_with("/submissions/"));
        paths.extend(links.map(str::to_owned));
    }
    ensure!(paths.len() > 20, "{paths:?}");
    for path in &paths {
        for language in ["en", "nl"] {
            let answer = page.ask(path, language)?;
            assert_eq!(answer.status, 200, "{path}");
            let body = &answer.body;
            ensure!(body.starts_with(&format!("<!DOCTYPE html><html lang=\"{language}\">")), "{path}: {body}");
            for raw in
                ["<script>", "<img", "<iframe", "<object", "<svg onload", "<!--", "\u{202e}", " onerror=", " style="]
            {
                let harmless = body.replace("&quot;&gt;&lt;img src=x onerror=", "").replace("&lt;!--", "");
                ensure!(!harmless.contains(raw), "{path} has {raw:?} in it: {body}");
            }
            ensure!(!body.contains("href=\"javascript:"), "{path}");
        }
    }
    let whole = page.get("/")?.body;
    ensure!(
        whole.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && whole.contains(r"abc\u{202e}gnp.exe"),
        "{whole}"
    );
    let table = page.get("/devices.csv")?;
    assert_eq!(table.header("content-disposition"), Some("attachment; filename=\"devices.csv\""));
    ensure!(table.body.starts_with("\u{feff}Manufacturer,Model,Serial Number,State,"), "{}", table.body);
    let mut reader = csv::Reader::from_reader(table.body.trim_start_matches('\u{feff}').as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>()?;
    ensure!(records.len() >= 18, "{records:?}");
    for cell in records.iter().flatten() {
        ensure!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "a spreadsheet takes {cell:?} for a formula");
    }
    ensure!(records.iter().any(|record| record.get(2) == Some("'=HYPERLINK(\"http://evil.example\")")));
    stop(page.daemon)
}

#[test]
fn pages_follow_each_other_and_filters_hold() -> Result<()> {
    let mut page = Page::open(&[("registrar.embedded.inventory", "\"open\"")])?;
    let serials: Vec<String> = (0..120).map(|at| format!("S{at:03}")).collect();
    let all: Vec<&str> = serials.iter().map(String::as_str).collect();
    page.env.drop_file(CONTOSO, "PO-7/many.csv", csv(&all))?;
    page.env.drop_file("fabrikam", "few.csv", csv(&["F1", "", "F2"]))?;
    page.daemon.wait_for("the answer", |line| {
        line.message() == "result written" && line.has("rows", "120") && line.has("last", "true")
    })?;
    fence(&page.env, &mut page.daemon, "fabrikam", "fence")?;
    let serials_on = |body: &str| -> Vec<String> {
        let rows = between(body, "<th class=\"serial\" scope=\"row\">", "</th>");
        rows.into_iter().filter_map(|cell| Some(cell.split_once('>')?.1.split('<').next()?.to_owned())).collect()
    };
    let (mut path, mut seen) = ("/?customer=contoso".to_owned(), Vec::new());
    loop {
        let body = page.get(&path)?.body;
        seen.extend(serials_on(&body));
        let next = between(&body, "rel=\"next\" href=\"", "\"").first().map(|link| link.replace("&amp;", "&"));
        let Some(next) = next else { break };
        path = next;
    }
    let mut newest_first = serials.clone();
    newest_first.reverse();
    assert_eq!(seen, newest_first);
    for (query, found) in [
        ("serial=S11", "S119 S118 S117 S116 S115 S114 S113 S112 S111 S110"),
        ("serial=S011&customer=contoso", "S011"),
        ("serial=S011&customer=fabrikam", ""),
        ("state=registration_failed", ""),
        ("error=row_not_valid", ""),
        ("order=PO-7&serial=S00&state=ready_for_user", "S009 S008 S007 S006 S005 S004 S003 S002 S001 S000"),
        ("order=PO-8", ""),
        ("customer=fabrikam&state=ready_for_user", "fence F2 F1"),
        ("customer=fabrikam&from=2000-01-01&to=2999-12-31&state=ready_for_user", "fence F2 F1"),
        ("from=2999-01-01", ""),
        ("to=2000-01-01", ""),
        ("state=nonsense&before=nonsense&from=nonsense&serial=S119", "S119"),
    ] {
        assert_eq!(serials_on(&page.get(&format!("/?{query}"))?.body).join(" "), found, "{query}");
    }
    let failed = page.get("/?customer=fabrikam&state=registration_failed")?.body;
    ensure!(failed.contains("<em>none</em>") && failed.contains("Row not valid"), "{failed}");
    let csv = page.get("/devices.csv?customer=contoso")?.body;
    assert_eq!(csv.lines().count(), 121);
    stop(page.daemon)
}

#[test]
fn a_submission_and_a_device_tell_their_story_in_both_languages() -> Result<()> {
    let mut page = Page::open(&[("registrar.embedded.inventory", "\"required\"")])?;
    page.env.drop_file(CONTOSO, "PO-1/a.csv", csv(&["known", "", "gone"]))?;
    page.daemon.wait_for("the answer", |line| line.message() == "result written" && line.has("last", "true"))?;
    let list = page.get("/submissions")?.body;
    let link = between(&list, "href=\"/submissions/", "\"")
        .first()
        .map(|id| format!("/submissions/{id}"))
        .context("a link")?;
    let submission = page.get(&link)?.body;
    ensure!(submission.contains("3 failed") && submission.contains("PO-1"), "{submission}");
    let device = between(&submission, "href=\"/devices/", "\"")
        .first()
        .map(|id| format!("/devices/{id}"))
        .context("a link")?;
    let (english, dutch) = (page.get(&device)?.body, page.ask(&device, "nl")?.body);
    ensure!(english.contains("Device not found") && english.contains("could not find a match"), "{english}");
    ensure!(
        english.contains("received in PO-1/a.csv, line 2") && english.contains("Attempt 1 with embedded"),
        "{english}"
    );
    ensure!(dutch.contains("Apparaat niet gevonden") && dutch.contains("geen overeenkomst konden vinden"), "{dutch}");
    ensure!(dutch.contains("ontvangen in PO-1/a.csv, regel 2") && dutch.contains("Poging 1 bij embedded"), "{dutch}");
    let chosen = page.ask(&format!("{device}?lang=nl"), "en")?;
    assert_eq!((chosen.status, chosen.header("location")), (303, Some(device.as_str())));
    let cookie = chosen.header("set-cookie").and_then(|cookie| cookie.split(';').next()).context("a cookie")?;
    let bearer = format!("Authorization: Bearer {}", page.token);
    let kept = page.send("GET", &device, &[&page.host(), &bearer, &format!("Cookie: {cookie}")])?.body;
    ensure!(kept.contains("<html lang=\"nl\">"), "{kept}");
    let rows = page.get(&format!("{link}/rows.csv"))?.body;
    assert_eq!(rows.lines().count(), 4, "{rows}");
    let history = page.get(&format!("{device}/history.csv"))?.body;
    assert_eq!(history.lines().count(), 3, "{history}");
    for nowhere in [
        "/devices/0",
        "/devices/999999",
        "/devices/x",
        "/submissions/x",
        "/submissions/01a208ad-1cfa-781b-9c2a-8beb8496c07e",
        "/x",
    ] {
        assert_eq!(page.get(nowhere)?.status, 404, "{nowhere}");
    }
    stop(page.daemon)
}

#[test]
fn what_waits_is_told_with_why() -> Result<()> {
    let mut page = Page::open(&[("customers.contoso.complete", "\"marker\"")])?;
    ensure!(page.get("/")?.body.contains("No devices yet"));
    let path = page.env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    wait_for_verdict(&page.env, &mut page.daemon, &path, "waiting", "marker")?;
    let waiting = page.get("/waiting")?.body;
    ensure!(waiting.contains("a.csv") && waiting.contains("marker") && waiting.contains("embedded"), "{waiting}");
    ensure!(page.ask("/waiting", "nl")?.body.contains("Bestanden die wachten"));
    stop(page.daemon)
}

#[test]
fn what_happens_is_told_as_it_happens() -> Result<()> {
    let mut page = Page::open(&[])?;
    let mut stream = page.connect()?;
    let request =
        format!("GET /api/v1/events HTTP/1.1\r\n{}\r\nAuthorization: Bearer {}\r\n\r\n", page.host(), page.token);
    stream.write_all(request.as_bytes())?;
    let mut lines = BufReader::new(stream).lines();
    let mut so_far = String::new();
    let mut wait_for = |wanted: &str| -> Result<()> {
        while !so_far.contains(wanted) {
            let line = lines.next().with_context(|| format!("{wanted} before the end; heard {so_far}"))??;
            so_far.push_str(&line);
            so_far.push('\n');
        }
        Ok(())
    };
    wait_for("content-type: text/event-stream")?;
    wait_for("\"counts\"")?;
    fence(&page.env, &mut page.daemon, CONTOSO, "told")?;
    wait_for("\"file\":\"told.csv\"")?;
    wait_for("\"ready_for_user\":1")?;
    // A stop isn't held up by whoever listens.
    stop(page.daemon)
}

#[test]
fn a_unix_socket_is_for_its_owner_and_the_group_and_asks_for_no_token() -> Result<()> {
    let mut env = env()?;
    let path = env.path("runtime/web.sock");
    env.set("web.listen", &format!("\"unix:{}\"", path.display()))?;
    drop(std::os::unix::net::UnixListener::bind(&path)?);
    let daemon = start(&env)?;
    let about = path.symlink_metadata()?;
    ensure!(about.file_type().is_socket());
    assert_eq!(about.permissions().mode() & 0o777, 0o660);
    ensure!(!env.path("state/web.token").exists(), "nothing asks for a token");
    let stream = UnixStream::connect(&path)?;
    stream.set_read_timeout(Some(WATCHDOG))?;
    assert_eq!(converse(stream, "GET / HTTP/1.0\r\nHost: devices.example\r\n\r\n")?.status, 200);
    stop(daemon)?;
    ensure!(!path.exists(), "the socket is left lying");
    Ok(())
}

#[test]
fn a_page_that_cannot_be_reached_ends_the_start_and_says_what_to_do() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let mut env = env()?;
    env.set("web.listen", &format!("\"{}\"", taken.local_addr()?))?;
    let run = env.run(&["run"])?;
    assert_eq!(run.code, Some(2), "{run:?}");
    ensure!(run.stderr.contains("web.listen"), "{}", run.stderr);
    // What runs once has no page, and so needs no address.
    assert_eq!(env.run(&["run", "--once"])?.code, Some(0));
    drop(taken);
    std::fs::write(env.path("state/web.token"), "0123456789abcdefghijklmnopqrstuv")?;
    std::fs::set_permissions(env.path("state/web.token"), std::fs::Permissions::from_mode(0o644))?;
    env.set("web.listen", "\"127.0.0.1:0\"")?;
    let run = env.run(&["run"])?;
    assert_eq!(run.code, Some(2), "{run:?}");
    ensure!(run.stderr.contains("0600"), "{}", run.stderr);
    Ok(())
}

#[test]
fn programs_get_the_views_as_json_page_by_page() -> Result<()> {
    let mut page = Page::open(&[])?;
    page.env.drop_file(CONTOSO, "a.csv", csv(&["1", "2", "3"]))?;
    fence(&page.env, &mut page.daemon, "fabrikam", "4")?;
    let ask = |path: &str| -> Result<(u16, Value)> {
        let answer = page.get(path)?;
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        Ok((answer.status, serde_json::from_str(&answer.body)?))
    };
    for table in ["submissions", "registrations", "attempts", "transitions", "devices"] {
        let (mut path, mut seen) = (format!("/api/v1/{table}?limit=1"), Vec::new());
        loop {
            let (status, answer) = ask(&path)?;
            assert_eq!(status, 200, "{answer}");
            seen.extend(answer["rows"].as_array().context("rows")?.clone());
            let Some(next) = answer["next"].as_str() else { break };
            path = format!("/api/v1/{table}?limit=1&after={next}");
        }
        let (_, whole) = ask(&format!("/api/v1/{table}"))?;
        assert_eq!(whole, serde_json::json!({ "rows": seen, "next": null }), "{table}");
        let view = page.env.query(&format!("SELECT count(*) FROM audit_{table}"))?;
        assert_eq!(view[0][0].as_u64(), u64::try_from(seen.len()).ok(), "{table}");
    }
    let (_, one) = ask("/api/v1/registrations?customer=contoso&line=3&error=")?;
    assert_eq!(one["rows"][0]["serial_number"], "2");
    assert_eq!(one["rows"].as_array().map(Vec::len), Some(1));
    for (path, status, why) in [
        ("/api/v1/devices?colour=red", 400, "no column"),
        ("/api/v1/devices?limit=0", 400, "limit is a number"),
        ("/api/v1/devices?limit=100000", 400, "limit is a number"),
        ("/api/v1/devices?after=x", 400, "holds numbers"),
        ("/api/v1/customers", 404, "there is no table"),
    ] {
        let (found, answer) = ask(path)?;
        ensure!(
            found == status && answer["error"].as_str().is_some_and(|text| text.contains(why)),
            "{path}: {answer}"
        );
    }
    stop(page.daemon)
}

#[test]
fn a_demonstration_that_goes_on_tells_its_address_while_it_runs() -> Result<()> {
    let env = env()?;
    let mut child = env.command().args(["demo", "--keep"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let lines = BufReader::new(child.stdout.take().context("its output")?).lines();
    let (heard, told) = channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| heard.send(line)));
    let mut told_lines = std::iter::from_fn(|| told.recv_timeout(WATCHDOG).ok());
    let page = told_lines.find(|line| line.starts_with("The web page: http://127.0.0.1:"));
    child.kill()?;
    child.wait()?;
    page.context("the address isn't told while it runs").map(drop)
}
