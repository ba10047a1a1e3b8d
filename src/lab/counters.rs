//! The counters of the private namespaces.

use std::collections::BTreeMap;
use std::io;

use super::LabError;
use super::network::{Network, WIRE};
use crate::model::Side;
use crate::sys::ProcRoot;
use crate::wire::{Figures, parse_paired_lines, parse_transmit_drops};

/// Counters that moved, by group and name such as `TcpExt` and `TCPTimeouts`, and by how much.
pub type Moved = BTreeMap<(String, String), i64>;

/// The files that they are read from, and their groups that are TCP's.
const FILES: [(&str, &str); 2] = [("snmp", "Tcp"), ("netstat", "TcpExt")];
/// What is no count: it goes up and down, or is a setting.
const NO_COUNTS: [&str; 5] = ["RtoAlgorithm", "RtoMin", "RtoMax", "MaxConn", "CurrEstab"];

/// Reads those of both ends.
pub(super) fn read_counters(network: &Network) -> Result<BTreeMap<Side, Figures>, LabError> {
    let of = |side| {
        let read = || FILES.map(|(file, _)| ProcRoot::new("/proc").read_net(file));
        let mut figures = Figures::new();
        for (text, (_, group)) in network.host(side).namespace.run(read)?.into_iter().zip(FILES) {
            let text = text.map_err(|error| LabError::Wire(io::Error::other(error)))?;
            let read = parse_paired_lines(&text).value.remove(group).unwrap_or_default();
            figures.insert(group.to_owned(), read);
        }
        Ok((side, figures))
    };
    Side::BOTH.into_iter().map(of).collect()
}

/// Demands that the wire took whatever the kernel sent: what it did not take the kernel sends again, at other times.
pub(super) fn demand_no_drops(network: &Network) -> Result<(), LabError> {
    for side in Side::BOTH {
        let text = network.host(side).namespace.run(|| ProcRoot::new("/proc").read_net("dev"))?;
        let text = text.map_err(|error| LabError::Wire(io::Error::other(error)))?;
        match parse_transmit_drops(&text, WIRE) {
            Some(0) => {}
            None => return Err(LabError::Wire(io::Error::other(format!("/proc/net/dev does not tell of {WIRE}")))),
            Some(drops) => return Err(LabError::Dropped { side, drops }),
        }
    }
    Ok(())
}

/// Which of them moved.
pub(super) fn moved(before: &BTreeMap<Side, Figures>, after: &BTreeMap<Side, Figures>) -> BTreeMap<Side, Moved> {
    let earlier = |side: &Side, group: &str, name: &str| before.get(side)?.get(group)?.get(name).copied();
    let of = |(side, figures): (&Side, &Figures)| {
        let mut moved = Moved::new();
        for (group, counters) in figures {
            for (name, value) in counters.iter().filter(|(name, _)| !NO_COUNTS.contains(&name.as_str())) {
                let by = value - earlier(side, group, name).unwrap_or(0);
                if by != 0 {
                    moved.insert((group.clone(), name.clone()), by);
                }
            }
        }
        (*side, moved)
    };
    after.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_counts_that_moved_are_told() {
        let reading = |timeouts, established| {
            let text = format!("TcpExt: TCPTimeouts TCPLossProbes\nTcpExt: {timeouts} 4\n");
            let mut figures = parse_paired_lines(&text).value;
            figures.insert("Tcp".to_owned(), BTreeMap::from([("CurrEstab".to_owned(), established)]));
            BTreeMap::from([(Side::Client, figures)])
        };
        let moved = moved(&reading(1, 0), &reading(4, 1));
        let counters: Vec<_> = moved[&Side::Client].iter().collect();
        assert_eq!(counters, [(&("TcpExt".to_owned(), "TCPTimeouts".to_owned()), &3)]);
    }
}
