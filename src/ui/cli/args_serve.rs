//! The arguments of what other programs read: `serve` and `metrics`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::parse_interval_ms;

/// Where metrics are served unless told otherwise. Prometheus' list of default ports has given all of 9100 to 9999 away.
const LISTEN: &str = "127.0.0.1:19293";

/// Serve metrics to Prometheus, or write them once to a file
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Address and port to listen on; may be given several times, port 0 lets the kernel choose
    #[arg(long, value_name = "ADDRESS:PORT", default_value = LISTEN, value_parser = parse_listen)]
    pub listen: Vec<SocketAddr>,
    /// Certificate chain in PEM: answer by HTTPS alone
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key in PEM, in a file that not everybody may read
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Answer who sends this bearer token: the one line of a file that not everybody may read
    #[arg(long, value_name = "FILE")]
    pub bearer_token_file: Option<PathBuf>,
    /// Answer who sends one of these passwords: a file of user:password lines that not everybody may read
    #[arg(long, value_name = "FILE")]
    pub basic_auth_file: Option<PathBuf>,
    /// How old a reading may be that is shared by several scrapers
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_interval_ms)]
    pub max_age: u64,
    /// How far apart two readings must be at least for rates, findings and forecasts
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_interval_ms)]
    pub window: u64,
    /// Tell how far the running values are from this profile; may be given several times
    #[arg(long = "profile", value_name = "PROFILE")]
    pub profiles: Vec<String>,
    /// Read further profiles from this directory; they win by name
    #[arg(long, value_name = "DIR", default_value = "/etc/tcpctl/profiles.d")]
    pub profile_dir: PathBuf,
    /// Tell what the laboratory said: a file that `tcpctl lab --all --json` wrote, read again with each reading
    #[arg(long, value_name = "FILE")]
    pub lab_record: Option<PathBuf>,
    /// Write the metrics once to this file, as node_exporter's textfile collector reads them, and serve nothing; `-` for standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "tls_cert", "bearer_token_file", "basic_auth_file",
        "max_age", "window"])]
    pub textfile: Option<String>,
}

/// What goes with the metrics: their list, alerting rules, a dashboard
#[derive(Clone, Debug, Args)]
pub struct MetricsArgs {
    /// What to print
    #[arg(value_enum, value_name = "WHAT", default_value_t = MetricsWhat::List)]
    pub what: MetricsWhat,
}

/// What there is besides the metrics themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MetricsWhat {
    /// Every metric with its type, its labels and the most samples it has
    List,
    /// Alerting rules, one for each rule of `tcpctl diagnose` that readings decide: a file for Prometheus' rule_files
    Alerts,
    /// A dashboard for Grafana: JSON to import
    Dashboard,
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is no address with a port, such as {LISTEN} or [::]:19293"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_port() {
        assert!(parse_listen(LISTEN).is_ok_and(|address| address.ip().is_loopback()));
        assert!(parse_listen("[::]:0").is_ok());
        for bad in ["", "19293", ":19293", "localhost:19293", "127.0.0.1", "127.0.0.1:65536"] {
            assert!(parse_listen(bad).unwrap_err().contains("such as 127.0.0.1:19293"), "{bad}");
        }
    }
}
