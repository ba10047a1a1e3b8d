//! The server: sockets, connections, and how it ends.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use super::access::Access;
use super::answer::Desk;
use super::crowd::{Crowd, Seat};
use super::limits;
use super::patience::Patient;
use super::reader::{Page, Reader};
use super::tls::Tls;

/// Where to listen, and for whom.
#[derive(Debug)]
pub struct Doors {
    listeners: Vec<TcpListener>,
    access: Access,
    tls: Option<Tls>,
}

impl Doors {
    /// Listens on these addresses.
    ///
    /// # Errors
    /// Which of them cannot be listened on, and why.
    pub fn open(addresses: &[SocketAddr], access: Access, tls: Option<Tls>) -> anyhow::Result<Self> {
        let open = |address: &SocketAddr| listen(address).with_context(|| format!("cannot listen on {address}"));
        Ok(Self { listeners: addresses.iter().map(open).collect::<anyhow::Result<_>>()?, access, tls })
    }

    /// Where the metrics are, one line a listener, with the port that the kernel chose where 0 was asked for.
    #[must_use]
    pub fn places(&self) -> Vec<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let addresses = self.listeners.iter().filter_map(|listener| listener.local_addr().ok());
        addresses.map(|address| format!("{scheme}://{address}/metrics")).collect()
    }

    /// What is reckless about these doors, if anything is: metrics name processes and peers.
    #[must_use]
    pub fn cautions(&self) -> Vec<String> {
        let addresses = self.listeners.iter().filter_map(|listener| listener.local_addr().ok());
        let open: Vec<String> =
            addresses.filter(|address| !address.ip().is_loopback()).map(|address| address.to_string()).collect();
        let told = match (self.access.is_open(), self.tls.is_some()) {
            _ if open.is_empty() => None,
            (true, _) => Some(
                "whoever can reach it reads names of processes and addresses of peers: \
                               --bearer-token-file or --basic-auth-file ask who it is",
            ),
            (false, false) => Some("the secret is sent in clear: --tls-cert and --tls-key hide it"),
            (false, true) => None,
        };
        told.map(|told| format!("{}: {told}", open.join(", "))).into_iter().collect()
    }
}

/// As the standard library listens, which leaves no choice of the backlog.
fn listen(address: &SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
    // A server that is started again finds its port in TIME-WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&(*address).into())?;
    socket.listen(limits::BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Answers with what is read, until SIGTERM or SIGINT; then answers under way are ended first. A reading is shared by all
/// that ask within its greatest age.
///
/// # Errors
/// When the server cannot be set up, or what reads has broken.
pub fn serve_pages(
    doors: Doors,
    max_age: Duration,
    read: impl FnMut() -> Result<Page, String> + Send + 'static,
) -> anyhow::Result<()> {
    // One thread for all connections: what costs time is the reading, which has a thread of its own.
    let runtime = runtime::Builder::new_current_thread().enable_all().build().context("cannot set up the server")?;
    runtime.block_on(serve(doors, max_age, read))
}

async fn serve(
    doors: Doors,
    max_age: Duration,
    read: impl FnMut() -> Result<Page, String> + Send + 'static,
) -> anyhow::Result<()> {
    let untold = "cannot wait for signals";
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate()).context(untold)?, signal(SignalKind::interrupt()).context(untold)?);
    let (reader, mut reader_ended) = Reader::start(max_age, read)?;
    let desk = Arc::new(Desk { access: doors.access, reader, in_flight: Semaphore::new(limits::IN_FLIGHT) });
    let mut accepted = accept_all(doors.listeners)?;
    let crowd = Arc::new(Crowd::default());
    let graceful = GracefulShutdown::new();
    let ended = loop {
        tokio::select! {
            stream = accepted.recv() => {
                let Some(stream) = stream else { break Err(anyhow!("nothing listens any more")) };
                // All places are taken by requests that are being answered: dropping it closes it.
                let Some(seat) = crowd.enter(limits::CONNECTIONS) else { continue };
                let id = seat.id();
                let talk = attend(stream, doors.tls.clone(), seat, Arc::clone(&desk), graceful.watcher());
                crowd.closes_by(id, tokio::spawn(talk).abort_handle());
            }
            () = stopped(&mut terminate, &mut interrupt) => break Ok(()),
            _ = &mut reader_ended => break Err(anyhow!("the thread that reads has ended unexpectedly")),
        }
    };
    // Nobody new, and nobody who never said anything; the others get their answers.
    drop(accepted);
    crowd.close_silent();
    // Whoever does not fetch its answer in time goes without.
    let _ = timeout(limits::STOPPING, graceful.shutdown()).await;
    ended
}

async fn stopped(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// What comes in by every listener. One place between them and the server: the kernel's own queue holds the rest.
fn accept_all(listeners: Vec<TcpListener>) -> anyhow::Result<mpsc::Receiver<TcpStream>> {
    let (into, accepted) = mpsc::channel(1);
    for listener in listeners {
        let listener = tokio::net::TcpListener::from_std(listener).context("cannot listen")?;
        let into = into.clone();
        tokio::spawn(async move {
            loop {
                let sent = match listener.accept().await {
                    Ok((stream, _)) => into.send(stream).await,
                    // A client that has gone again, or no descriptor left (EMFILE): the next one may do better.
                    Err(_) => {
                        sleep(limits::RECOVERY).await;
                        continue;
                    }
                };
                if sent.is_err() {
                    return;
                }
            }
        });
    }
    Ok(accepted)
}

/// One client, from its first byte to its last.
async fn attend(stream: TcpStream, tls: Option<Tls>, seat: Seat, desk: Arc<Desk>, watcher: Watcher) {
    // Answers go out at once; where that cannot be set, they go out later.
    let _ = stream.set_nodelay(true);
    match tls {
        None => talk(stream, seat, desk, watcher).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(limits::HEAD, tls.acceptor.accept(stream)).await {
                talk(stream, seat, desk, watcher).await;
            }
        }
    }
}

async fn talk<S>(stream: S, seat: Seat, desk: Arc<Desk>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let seat = Arc::new(seat);
    let service = service_fn(move |request: Request<Incoming>| {
        let (seat, desk) = (Arc::clone(&seat), Arc::clone(&desk));
        async move {
            seat.answering(true);
            let answer = desk.answer(&request).await;
            seat.answering(false);
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD)
        .max_buf_size(limits::HEAD_BYTES)
        .max_headers(limits::HEAD_FIELDS)
        .serve_connection(TokioIo::new(Patient::new(stream, limits::FETCH)), service);
    // What went wrong with one client is its own affair.
    let _ = watcher.watch(connection).await;
}
