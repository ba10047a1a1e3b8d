//! Metrics over HTTP: what is answered, to whom, and what a client cannot do to the others.

use std::fs::Permissions;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::Signal;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::case::{Case, Ran};
use crate::place::{Listening, Place, until};
use crate::scraping::{Served, request, rest, value};

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("what is served are the sockets that are there", sockets),
        Case::new("pages, methods and formats are as HTTP has them", pages),
        Case::new("metrics are told to those who have the secret", secrets),
        Case::new("TLS is spoken where a certificate is given, and nothing else", tls),
        Case::new("however many ask at once share one reading", shared),
        Case::new("a server that is told to stop ends the answers under way", stopped),
        Case::new("who says nothing, too much, or fetches nothing is let go", silent),
        Case::new("200 scrapers are answered while another client holds all the connections it can get", load),
    ]
}

/// Two clients that wait for accept(), and three connections that the other end has closed.
struct Crowd {
    _waiting: (TcpListener, Vec<TcpStream>),
    _closed: Vec<(TcpStream, TcpStream)>,
}

/// Makes them on ports 7001 and 7002.
fn crowd(place: &Place) -> Crowd {
    let waiting = place.listen("127.0.0.1:7001", Listening::with_backlog(3));
    let clients = (0..2).map(|_| TcpStream::connect("127.0.0.1:7001").expect("there is room")).collect();
    let closing = place.listen("127.0.0.1:7002", Listening::with_backlog(8));
    let closed = (0..3).map(|_| {
        let client = TcpStream::connect("127.0.0.1:7002").expect("there is room");
        let (server, _) = closing.accept().expect("a client");
        client.shutdown(Shutdown::Write).expect("a connection");
        (client, server)
    });
    Crowd { _waiting: (waiting, clients), _closed: closed.collect() }
}

fn sockets(place: &Place) -> Ran {
    let _crowd = crowd(place);
    place.set("net.ipv4.tcp_syn_retries", "1");
    let served = Served::start(&["--profile", "anti-syn-flood"]);
    let answer = until("the close of three connections", || {
        let answer = served.get("/metrics", &[]);
        if value(&answer.body, &["node_tcp_connection_states{state=\"close_wait\""]) == 3.0 {
            Ok(answer)
        } else {
            Err(answer)
        }
    });
    let told = |parts: &[&str]| value(&answer.body, parts);
    assert_eq!(told(&["tcpctl_listener_accept_queue{", "port=\"7001\""]), 2.0);
    assert_eq!(told(&["tcpctl_listener_accept_queue_capacity{", "port=\"7001\""]), 4.0);
    assert_eq!(told(&["tcpctl_listener_accept_queue_fullest_percent{", "port=\"7001\""]), 50.0);
    assert_eq!(told(&["tcpctl_listener_drops{", "port=\"7001\""]), 0.0);
    assert_eq!(told(&["tcpctl_destination_ports{", "port=\"7002\""]), 3.0);
    let own = format!("port=\"{}\",interface=\"\",process=\"tcpctl\"", served.address.port());
    assert_eq!(told(&["tcpctl_listener_sockets{", &own]), 1.0);
    assert_eq!(told(&["tcpctl_profile_drift{profile=\"anti-syn-flood\""]), 1.0);
    assert!(told(&["setting=\"connect-gives-up\",bound=\"nominal\""]) < 10.0, "the settings are this namespace's");
    assert!(answer.body.contains(&format!("netns=\"{}\"", place.inode())));
    Ok(())
}

fn pages(_: &Place) -> Ran {
    let served = Served::start(&[]);
    let (index, healthy) = (served.get("/", &[]), served.get("/-/healthy", &[]));
    assert!(index.status == 200 && index.body.contains("href=\"/metrics\""), "{index:?}");
    assert!(healthy.status == 200 && healthy.body == "tcpctl is healthy\n", "{healthy:?}");
    assert_eq!(served.get("/metrics/", &[]).status, 404);
    let asked = |method: &str, path: &str| {
        let mut stream = served.connect();
        stream.write_all(request(method, path, &["Content-Length: 0"]).as_bytes()).expect("it reads");
        rest(&mut stream)
    };
    let posted = asked("POST", "/metrics");
    assert!(posted.status == 405 && posted.head.contains("allow: GET, HEAD"), "{posted:?}");
    let head = asked("HEAD", "/metrics");
    assert!(head.status == 200 && head.body.is_empty(), "{head:?}");
    let classic = served.get("/metrics", &["Accept: text/plain"]);
    assert!(classic.head.contains("content-type: text/plain; version=0.0.4"), "{}", classic.head);
    assert!(!classic.body.contains("# EOF"));
    let open = served.get("/metrics", &["Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5"]);
    assert!(open.head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{}", open.head);
    assert!(open.body.ends_with("# EOF\n"));
    // A head that is too long or has too many lines.
    let long = format!("X-Long: {}", "x".repeat(20_000));
    let many: Vec<String> = (0..80).map(|number| format!("X-{number}: y")).collect();
    assert_eq!(served.get("/metrics", &[&long]).status, 431);
    assert_eq!(served.get("/metrics", &many.iter().map(String::as_str).collect::<Vec<_>>()).status, 431);
    // Several addresses, of both families.
    let both = Served::start_on("127.0.0.1:0", &["--listen", "[::1]:7100"]);
    assert_eq!(both.get("/-/healthy", &[]).status, 200);
    let mut other = TcpStream::connect("[::1]:7100").expect("it listens there as well");
    other.write_all(request("GET", "/-/healthy", &[]).as_bytes()).expect("it reads");
    assert_eq!(rest(&mut other).status, 200);
    Ok(())
}

/// A file for its owner alone.
fn private(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a file");
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("the own file");
    path
}

fn secrets(_: &Place) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let token = private(folder.path(), "token", b"s3cret\n");
    let users = private(folder.path(), "users", b"ada:pass word\n");
    let (token, users) = (token.to_str().expect("UTF-8"), users.to_str().expect("UTF-8"));
    let served = Served::start(&["--bearer-token-file", token, "--basic-auth-file", users]);
    let refused = served.get("/metrics", &[]);
    assert!(refused.status == 401 && refused.head.contains("www-authenticate: Basic"), "{refused:?}");
    assert!(!refused.body.contains("tcpctl_"));
    // The last is `ada:pass word`, as `printf %s 'ada:pass word' | base64` writes it.
    for (sent, status) in [
        ("Bearer s3cret", 200),
        ("Bearer s3cre", 401),
        ("Bearer s3cret2", 401),
        ("Basic YWRhOndyb25n", 401),
        ("Basic YWRhOnBhc3Mgd29yZA==", 200),
    ] {
        assert_eq!(served.get("/metrics", &[&format!("Authorization: {sent}")]).status, status, "{sent}");
    }
    assert_eq!(served.get("/", &[]).status, 401);
    assert_eq!(served.get("/-/healthy", &[]).status, 200, "whether it lives is no secret");
    Ok(())
}

/// Where the certificate of the tests is, and its key in a file of its own.
pub(crate) fn certificate(folder: &Path) -> (String, String) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
    let key = private(folder, "key.pem", &std::fs::read(data.join("key.pem")).expect("the key of the tests"));
    (data.join("cert.pem").to_str().expect("UTF-8").to_owned(), key.to_str().expect("UTF-8").to_owned())
}

fn tls(_: &Place) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let (cert, key) = certificate(folder.path());
    let served = Served::start(&["--tls-cert", &cert, "--tls-key", &key]);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&cert).expect("a certificate")).expect("an anchor");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::from(served.address.ip());
    let client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = StreamOwned::new(client, served.connect());
    stream.write_all(request("GET", "/metrics", &[]).as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer with its end");
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.contains("tcpctl_build_info"), "{text}");
    // Without TLS not a word of HTTP comes back.
    let mut plain = served.connect();
    plain.write_all(request("GET", "/metrics", &[]).as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    Ok(())
}

fn shared(_: &Place) -> Ran {
    let served = Served::start(&["--max-age", "1h"]);
    let first = served.get("/metrics", &[]).body;
    let texts: Vec<String> = thread::scope(|scope| {
        let asking: Vec<_> = (0..50).map(|_| scope.spawn(|| served.get("/metrics", &[]).body)).collect();
        asking.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    assert!(texts.iter().all(|text| *text == first), "a reading was made for one of them");
    let fresh = Served::start(&["--max-age", "10ms"]);
    let read = |served: &Served| value(&served.get("/metrics", &[]).body, &["tcpctl_snapshot_timestamp_seconds"]);
    let first = read(&fresh);
    until("a newer reading", || if read(&fresh) > first { Ok(()) } else { Err(first) });
    Ok(())
}

/// A connection whose answer does not fit into what the kernel keeps for it, so that it is under way until it is fetched.
fn hold_up(place: &Place, listeners: &mut Vec<TcpListener>) {
    place.set("net.ipv4.tcp_wmem", "4096 4096 4096");
    place.set("net.ipv4.tcp_rmem", "4096 4096 4096");
    listeners.extend((7200..7280).map(|port| place.listen(&format!("127.0.0.1:{port}"), Listening::with_backlog(1))));
}

/// Asks, and fetches no more than the first bytes.
fn half_answered(served: &Served) -> TcpStream {
    let mut stream = served.connect();
    set_socket_recv_buffer_size(&stream, 4096).expect("a size");
    stream.write_all(request("GET", "/metrics", &[]).as_bytes()).expect("it reads");
    let mut first = [0; 15];
    stream.read_exact(&mut first).expect("the first bytes");
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    stream
}

fn stopped(place: &Place) -> Ran {
    let mut listeners = Vec::new();
    hold_up(place, &mut listeners);
    for signal in [Signal::TERM, Signal::INT] {
        let served = Served::start(&[]);
        let mut under_way = half_answered(&served);
        let idle = served.connect();
        served.signal(signal);
        until("the end of listening", || match TcpStream::connect(served.address) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            seen => Err(seen.map(drop).map_err(|error| error.to_string())),
        });
        let mut text = String::new();
        under_way.read_to_string(&mut text).expect("the rest of the answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        assert_eq!(length.parse(), Ok(body.len()), "the answer is whole");
        assert!(body.len() > 32 * 1024, "it was too short to be held up: {} bytes", body.len());
        assert_eq!(served.ended().code(), Some(0), "{signal:?}");
        drop(idle);
    }
    Ok(())
}

/// Reads until the server has let go, and how long that took since it was begun.
fn let_go(mut stream: TcpStream, begun: Instant) -> Duration {
    let mut told = Vec::new();
    match stream.read_to_end(&mut told) {
        Ok(_) => {}
        Err(error) => assert!(matches!(error.kind(), ErrorKind::ConnectionReset), "{error}"),
    }
    begun.elapsed()
}

fn silent(place: &Place) -> Ran {
    let mut listeners = Vec::new();
    hold_up(place, &mut listeners);
    let served = Served::start(&[]);
    let begun = Instant::now();
    let says_nothing = served.connect();
    let mut says_half = served.connect();
    says_half.write_all(b"GET /metrics HTTP/1.1\r\nX-Slow:").expect("it reads");
    let mut says_no_more = served.connect();
    says_no_more.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: tcpctl\r\n\r\n").expect("it reads");
    let fetches_nothing = half_answered(&served);
    let fds = || std::fs::read_dir(format!("/proc/{}/fd", served.pid())).expect("the server runs").count();
    let held = fds();
    for stream in [says_nothing, says_half, says_no_more] {
        let took = let_go(stream, begun);
        assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(16), "it took {took:?}");
    }
    // The server has closed the fourth too, although its client never read: only its own end tells.
    until("the end of the answer that nobody fetches", || if fds() <= held - 4 { Ok(()) } else { Err((fds(), held)) });
    drop(fetches_nothing);
    Ok(())
}

/// Connections that the slow client holds: with the scrapers', more than the server has places for.
const HELD: usize = 400;
/// Scrapers at once.
const SCRAPERS: usize = 200;
/// How long they scrape.
const LASTS: Duration = Duration::from_secs(4);

/// Kibibytes of memory that a process has.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Keeps as many connections open as it can, each with half a head, and opens a new one for each that is closed.
fn hold(served: &Served, done: &AtomicBool, lost: &AtomicU64) {
    let mut held: Vec<TcpStream> = Vec::new();
    while !done.load(Ordering::Relaxed) {
        if held.len() < HELD {
            let stream = TcpStream::connect(served.address).expect("it listens");
            stream.set_nonblocking(true).expect("a mode");
            held.push(stream);
            continue;
        }
        let before = held.len();
        held.retain_mut(|stream| match stream.read(&mut [0; 64]) {
            Ok(0) => false,
            Ok(_) => true,
            // A byte now and then, as such clients do.
            Err(error) => error.kind() == ErrorKind::WouldBlock && stream.write(b"G").is_ok(),
        });
        lost.fetch_add(u64::try_from(before - held.len()).expect("a number"), Ordering::Relaxed);
        // It is slow on purpose: what it is told to do is hold, not flood.
        thread::sleep(Duration::from_millis(100));
    }
}

/// Scrapes again and again on one connection or each time on a new one; how often it got a whole answer.
fn scrape(served: &Served, keeps: bool, done: &AtomicBool, answers: &AtomicU64) {
    let mut kept = served.connect();
    while !done.load(Ordering::Relaxed) {
        if keeps {
            kept.write_all(b"GET /metrics HTTP/1.1\r\nHost: tcpctl\r\n\r\n").expect("it reads");
            let body = one_answer(&mut kept);
            assert!(body.contains("tcpctl_build_info"), "{body}");
        } else {
            let answer = served.get("/metrics", &[]);
            assert!(answer.status == 200 && answer.body.contains("tcpctl_build_info"), "{answer:?}");
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// The body of one answer on a connection that goes on.
fn one_answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 16_384];
    loop {
        let read = stream.read(&mut buffer).expect("an answer");
        assert!(read > 0, "the connection was closed in the middle of an answer");
        text.extend_from_slice(&buffer[..read]);
        let Some(head) = text.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let told = String::from_utf8_lossy(&text[..head]).into_owned();
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        let length: usize =
            told.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).expect("a length");
        if text.len() >= head + 4 + length {
            return String::from_utf8_lossy(&text[head + 4..]).into_owned();
        }
    }
}

fn load(_: &Place) -> Ran {
    let served = Served::start(&[]);
    assert_eq!(served.get("/metrics", &[]).status, 200);
    let (done, answers, lost) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let (early, late) = thread::scope(|scope| {
        let holder = scope.spawn(|| hold(&served, &done, &lost));
        let scrapers: Vec<_> = (0..SCRAPERS)
            .map(|number| {
                let (served, done, answers) = (&served, &done, &answers);
                scope.spawn(move || scrape(served, number % 2 == 0, done, answers))
            })
            .collect();
        // From here on every place is taken, and the server has what it needs for that.
        until("a place that is taken from the slow client", || match lost.load(Ordering::Relaxed) {
            0 => Err(answers.load(Ordering::Relaxed)),
            _ => Ok(()),
        });
        let early = resident_kib(served.pid());
        thread::sleep(LASTS);
        let late = resident_kib(served.pid());
        done.store(true, Ordering::Relaxed);
        // A scraper that saw an error has panicked.
        for scraper in scrapers {
            scraper.join().expect("no scraper saw an error");
        }
        holder.join().expect("the slow client");
        (early, late)
    });
    eprintln!(
        "load: {} answers, {} of the slow client's connections closed, {early} KiB, then {late} KiB",
        answers.load(Ordering::Relaxed),
        lost.load(Ordering::Relaxed)
    );
    assert!(late < early + 8 * 1024, "{early} KiB became {late} KiB");
    assert_eq!(served.get("/metrics", &[]).status, 200);
    Ok(())
}
