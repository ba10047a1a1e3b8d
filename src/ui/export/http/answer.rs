//! What is answered to a request.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use super::access::Access;
use super::reader::Reader;
use crate::report::{MetricsFormat, choose_metrics_format};

/// An answer, all of it at hand.
pub(super) type Answer = Response<Full<Bytes>>;

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The page at `/`.
const INDEX: &str = concat!(
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>tcpctl</title></head>\n",
    "<body><h1>tcpctl ",
    env!("CARGO_PKG_VERSION"),
    "</h1>\n<p>The kernel's TCP on this host: <a href=\"/metrics\">metrics</a>, <a href=\"/-/healthy\">health</a>.</p>\n",
    "</body></html>\n"
);

/// What answers are made from.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) access: Access,
    pub(super) reader: Reader,
    pub(super) in_flight: Semaphore,
}

impl Desk {
    /// The answer to a request.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Answer {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here");
            return with(refused, ALLOW, "GET, HEAD");
        }
        // Whoever looks after the process needs no secret to see that it lives.
        if request.uri().path() == "/-/healthy" {
            return plain(StatusCode::OK, "tcpctl is healthy");
        }
        let authorization = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        if !self.access.admits(authorization) {
            let refused = plain(StatusCode::UNAUTHORIZED, "a token or a password is needed");
            return with(refused, WWW_AUTHENTICATE, self.access.challenge());
        }
        match request.uri().path() {
            "/" => made(StatusCode::OK, HTML, Bytes::from_static(INDEX.as_bytes())),
            "/metrics" => self.metrics(request).await,
            _ => plain(StatusCode::NOT_FOUND, "there is /metrics and /-/healthy"),
        }
    }

    async fn metrics<B>(&self, request: &Request<B>) -> Answer {
        let Ok(_place) = self.in_flight.try_acquire() else { return busy("too many requests at once") };
        let page = match self.reader.page().await {
            Ok(page) => page,
            Err(reason) => return busy(&reason),
        };
        let accept = request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let format = choose_metrics_format(&accept.collect::<Vec<_>>().join(","));
        let body = match format {
            MetricsFormat::Classic => page.classic.clone(),
            MetricsFormat::OpenMetrics => page.open.clone(),
        };
        with(made(StatusCode::OK, format.content_type(), body), VARY, "Accept")
    }
}

/// What may be otherwise in a moment.
fn busy(reason: &str) -> Answer {
    with(plain(StatusCode::SERVICE_UNAVAILABLE, reason), RETRY_AFTER, "1")
}

fn plain(status: StatusCode, text: &str) -> Answer {
    made(status, TEXT, Bytes::from(format!("{text}\n")))
}

fn made(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    with(answer, CACHE_CONTROL, "no-store")
}

fn with(mut answer: Answer, name: HeaderName, value: &'static str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}
