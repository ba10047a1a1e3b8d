//! Segments that do not fit, in every state.

use tcpctl::model::{Action, Host, Injection, Number, Scenario, Segment, Settings, Side};

use super::{Part, connect, established, forged};

use Number::{Fitting, Initial};
use Segment::{Ack, Data, Fin, Rst, Syn, SynAck};
use Side::{Client, Server};

pub(super) fn challenges(host: Host) -> Vec<Part> {
    let with = |injections: &[Injection]| {
        injections.iter().fold(established(host).about(Server), |scenario, one| scenario.injecting(*one))
    };
    let at = |at_ms, segment, seq, ack| forged(Server, at_ms, segment, Fitting(seq), ack);
    let fits = Some(Fitting(0));
    let half_closed = established(host).about(Server).calling(Client, Action::Shutdown);
    vec![
        ("RST, exact", 1500, with(&[at(100, Rst, 0, None)])),
        ("RST, in the window", 1500, with(&[at(100, Rst, 1000, None)])),
        ("RST at the last number of the window", 1500, with(&[at(100, Rst, 65_160, None)])),
        ("RST right above the window", 1500, with(&[at(100, Rst, 65_161, None)])),
        ("RST, below the window", 1500, with(&[at(100, Rst, -1000, None)])),
        ("RST, above the window", 1500, with(&[at(100, Rst, 10_000_000, None)])),
        ("3 RSTs in the window", 1500, with(&[100, 400, 700].map(|at_ms| at(at_ms, Rst, 1000, None)))),
        ("3 SYNs", 1500, with(&[100, 400, 700].map(|at_ms| at(at_ms, Syn, 0, None)))),
        ("a SYN far off", 1500, with(&[at(100, Syn, 20_000_000, None)])),
        ("a SYN-ACK", 1500, with(&[at(100, SynAck, -1, fits)])),
        ("2 segments of old data", 1500, with(&[100, 200].map(|at_ms| at(at_ms, Data, -1, fits)))),
        ("2 ACKs below the window", 1500, with(&[100, 200].map(|at_ms| at(at_ms, Ack, -1000, fits)))),
        ("data that acknowledges what was never sent", 1500, with(&[at(100, Data, 0, Some(Fitting(1000)))])),
        ("2 ACKs of what was never sent", 1500, with(&[100, 200].map(|ms| at(ms, Ack, 0, Some(Fitting(1000)))))),
        ("an ACK of a little before", 1500, with(&[at(100, Ack, 0, Some(Fitting(-1000)))])),
        ("2 ACKs of long ago", 1500, with(&[100, 200].map(|ms| at(ms, Ack, 0, Some(Fitting(-100_000)))))),
        ("RST of the FIN in CLOSE-WAIT", 1500, half_closed.clone().injecting(at(200, Rst, -1, None))),
        ("RST below the FIN in CLOSE-WAIT", 1500, half_closed.injecting(at(200, Rst, -2, None))),
        ("a FIN that never was sent", 1500, with(&[at(100, Fin, 0, fits)])),
    ]
}

pub(super) fn strays(host: Host) -> Vec<Part> {
    let fits = Some(Fitting(0));
    let silent = || connect(host).losing(Client, Syn);
    let to_c = |at_ms, segment, seq, ack| forged(Client, at_ms, segment, seq, ack);
    let to_s = |at_ms, segment, seq, ack| forged(Server, at_ms, segment, seq, ack);
    let half = || connect(host).losing(Server, SynAck).about(Server);
    let fw2 = || Scenario::closed_alone(host, &Settings::default());
    let last_ack = || Scenario::close(host, &Settings::default()).losing(Server, Fin).about(Server);
    vec![
        ("SYN-SENT: RST without ACK", 2500, silent().injecting(to_c(300, Rst, Fitting(0), None))),
        ("SYN-SENT: RST, exact", 2500, silent().injecting(to_c(300, Rst, Fitting(0), fits))),
        ("SYN-SENT: RST, wrong ACK", 2500, silent().injecting(to_c(300, Rst, Fitting(0), Some(Fitting(5))))),
        ("SYN-SENT: wrong ACK", 2500, silent().injecting(to_c(300, Ack, Fitting(0), Some(Fitting(5))))),
        ("SYN-SENT: wrong ACK after a copy", 4500, silent().injecting(to_c(1300, Ack, Fitting(0), Some(Fitting(5))))),
        ("SYN-SENT: right bare ACK", 2500, silent().injecting(to_c(300, Ack, Fitting(0), fits))),
        ("SYN-SENT: a forged SYN", 4500, silent().injecting(to_c(300, Syn, Fitting(0), None))),
        ("SYN-SENT: a FIN", 2500, silent().injecting(to_c(300, Fin, Fitting(0), fits))),
        ("SYN-RECV: RST, exact", 3500, half().injecting(to_s(300, Rst, Fitting(0), None))),
        ("SYN-RECV: RST in the window", 3500, half().injecting(to_s(300, Rst, Fitting(100), None))),
        ("SYN-RECV: RST below", 3500, half().injecting(to_s(300, Rst, Fitting(-100), None))),
        ("SYN-RECV: wrong ACK", 3500, half().injecting(to_s(300, Ack, Fitting(0), Some(Fitting(7))))),
        (
            "SYN-RECV: ACK below, twice",
            3500,
            half().injecting(to_s(300, Ack, Fitting(-100), fits)).injecting(to_s(400, Ack, Fitting(-100), fits)),
        ),
        ("SYN-RECV: data without ACK", 3500, half().injecting(to_s(300, Data, Fitting(0), None))),
        ("SYN-RECV: FIN", 3500, half().injecting(to_s(300, Fin, Fitting(0), fits))),
        (
            "SYN-RECV: the SYN again, twice",
            3500,
            half().injecting(to_s(300, Syn, Initial(0), None)).injecting(to_s(400, Syn, Initial(0), None)),
        ),
        ("FIN-WAIT-2: RST", 2000, fw2().injecting(to_c(300, Rst, Fitting(0), None))),
        ("FIN-WAIT-2: RST in window", 2000, fw2().injecting(to_c(300, Rst, Fitting(10), None))),
        ("FIN-WAIT-2: RST below", 2000, fw2().injecting(to_c(300, Rst, Fitting(-10), None))),
        ("FIN-WAIT-2: SYN", 2000, fw2().injecting(to_c(300, Syn, Fitting(0), None))),
        ("FIN-WAIT-2: SYN below", 2000, fw2().injecting(to_c(300, Syn, Fitting(-10), None))),
        ("FIN-WAIT-2: ACK", 2000, fw2().injecting(to_c(300, Ack, Fitting(0), fits))),
        ("FIN-WAIT-2: old data", 2000, fw2().injecting(to_c(300, Data, Fitting(-1), fits))),
        ("FIN-WAIT-2: a FIN too far", 2000, fw2().injecting(to_c(300, Fin, Fitting(1), fits))),
        ("LAST-ACK: RST", 2000, last_ack().injecting(to_s(300, Rst, Fitting(0), None))),
        ("LAST-ACK: data", 2000, last_ack().injecting(to_s(300, Data, Fitting(0), fits))),
        ("LAST-ACK: SYN", 2000, last_ack().injecting(to_s(300, Syn, Fitting(100), None))),
        ("LAST-ACK: the FIN again", 2000, last_ack().injecting(to_s(300, Fin, Fitting(-1), fits))),
    ]
}
