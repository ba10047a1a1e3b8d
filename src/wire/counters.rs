//! `/proc/net/{snmp,netstat,sockstat,sockstat6,softnet_stat}`, by name.

use std::collections::{BTreeMap, BTreeSet};

/// Values by group and name, such as `TcpExt` → `ListenDrops` → 7.
pub type Figures = BTreeMap<String, BTreeMap<String, i64>>;

/// A value with the number of pieces of its input that could not be understood and were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lenient<T> {
    /// What could be read.
    pub value: T,
    /// How many pieces could not.
    pub skipped: usize,
}

/// One CPU's row of `/proc/net/softnet_stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftnetRow {
    /// CPU number (column 13, since Linux 5.10).
    pub cpu: Option<u32>,
    /// Packets processed (column 1).
    pub processed: u64,
    /// Packets dropped because the input queue was full (column 2).
    pub dropped: u64,
    /// Times the softirq ran out of budget (column 3).
    pub time_squeeze: u64,
}

/// Reads pairs of lines, the first with names and the second with values: `snmp` (`snmp_seq_show`) and
/// `netstat` (`netstat_seq_show`, net/ipv4/proc.c).
///
/// Columns differ from version to version, so values are found by name. A line without its pair, a pair that has not as
/// many values as names, a group that is there twice and a value that is no number are skipped and counted.
#[must_use]
pub fn parse_paired_lines(text: &str) -> Lenient<Figures> {
    let (text, cut) = whole_lines(text);
    let mut parsed = Lenient::<Groups> { skipped: cut, ..Lenient::default() };
    let mut names: Option<(&str, &str)> = None;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let Some((group, rest)) = line.split_once(':') else {
            parsed.skipped += 1;
            continue;
        };
        match names.take() {
            Some((named, columns)) if named == group => parsed.skipped += pair(&mut parsed.value, group, columns, rest),
            earlier => {
                parsed.skipped += usize::from(earlier.is_some());
                names = Some((group, rest));
            }
        }
    }
    Lenient { value: parsed.value.figures, skipped: parsed.skipped + usize::from(names.is_some()) }
}

/// Adds the values of one pair of lines; returns how many pieces could not be used. Where there are not as many values as
/// names, nobody knows which name lacks its value, and all that follows would be another one's. Where a group stands there
/// twice, nobody knows which is right.
fn pair(read: &mut Groups, group: &str, columns: &str, values: &str) -> usize {
    let (names, words) = (columns.split_ascii_whitespace(), values.split_ascii_whitespace());
    let pieces = names.clone().count().max(words.clone().count());
    if names.clone().count() != words.clone().count() {
        read.refuse(group);
        return pieces;
    }
    let Some(into) = read.begin(group) else { return pieces };
    let mut skipped = 0;
    for (name, value) in names.zip(words) {
        match parse_figure(value) {
            Some(number) => {
                into.insert(name.to_owned(), number);
            }
            None => skipped += 1,
        }
    }
    skipped
}

/// Groups of figures, each of which may stand in a file once.
#[derive(Default)]
struct Groups {
    figures: Figures,
    refused: BTreeSet<String>,
}

impl Groups {
    /// Nothing when it was there before: then it is left out altogether.
    fn begin(&mut self, group: &str) -> Option<&mut BTreeMap<String, i64>> {
        if self.refused.contains(group) || self.figures.contains_key(group) {
            self.refuse(group);
            return None;
        }
        Some(self.figures.entry(group.to_owned()).or_default())
    }

    fn refuse(&mut self, group: &str) {
        self.figures.remove(group);
        self.refused.insert(group.to_owned());
    }
}

/// The lines that are there whole, and how many are not: the kernel ends every line, so that a last one without an end was
/// cut off, and its last number may be a piece of one.
fn whole_lines(text: &str) -> (&str, usize) {
    match text.rfind('\n') {
        Some(end) if end + 1 == text.len() => (text, 0),
        Some(end) => (text.get(..=end).unwrap_or(text), 1),
        None => ("", usize::from(!text.is_empty())),
    }
}

/// Reads a counter. Most are unsigned longs, a few signed; one beyond `i64` would need centuries of counting
/// and is taken for garbage.
fn parse_figure(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Reads lines of a group followed by names and values in turn: `sockstat` and `sockstat6`
/// (`sockstat_seq_show`, net/ipv4/proc.c and net/ipv6/proc.c).
#[must_use]
pub fn parse_sockstat(text: &str) -> Lenient<Figures> {
    let (text, cut) = whole_lines(text);
    let mut parsed = Lenient::<Groups> { skipped: cut, ..Lenient::default() };
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let begun = line.split_once(':').and_then(|(group, rest)| Some((parsed.value.begin(group.trim())?, rest)));
        let Some((into, rest)) = begun else {
            parsed.skipped += 1;
            continue;
        };
        let mut words = rest.split_ascii_whitespace();
        while let Some(name) = words.next() {
            match words.next().and_then(parse_figure) {
                Some(number) => {
                    into.insert(name.to_owned(), number);
                }
                None => parsed.skipped += 1,
            }
        }
    }
    Lenient { value: parsed.value.figures, skipped: parsed.skipped }
}

/// Reads `softnet_stat`: rows of hexadecimal columns (`softnet_seq_show`, net/core/net-procfs.c): 9 in old
/// kernels, 11 with RPS and flow limits, 13 with queue length and CPU number since 5.10, 15 since 6.10.
///
/// A row with fewer than three columns or with one of the four that are used unreadable, and every row of a CPU that has two,
/// is skipped and counted.
#[must_use]
pub fn parse_softnet_stat(text: &str) -> Lenient<Vec<SoftnetRow>> {
    let (text, cut) = whole_lines(text);
    let mut parsed = Lenient::<Vec<SoftnetRow>> { skipped: cut, ..Lenient::default() };
    let (mut met, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match softnet_row(line) {
            Some(row) => {
                twice.extend(row.cpu.filter(|cpu| !met.insert(*cpu)));
                parsed.value.push(row);
            }
            None => parsed.skipped += 1,
        }
    }
    let rows = parsed.value.len();
    parsed.value.retain(|row| row.cpu.is_none_or(|cpu| !twice.contains(&cpu)));
    parsed.skipped += rows - parsed.value.len();
    parsed
}

/// Reads how many packets a device could not take for sending, from `/proc/net/dev` (`dev_seq_printf_stats`,
/// net/core/net-procfs.c): the fourth of the columns of what it sent. Nothing when the device is not there.
#[must_use]
pub fn parse_transmit_drops(text: &str, device: &str) -> Option<u64> {
    const DROPPED: usize = 8 + 3;
    let of = |line: &str| {
        let (name, columns) = line.split_once(':')?;
        if name.trim() == device { columns.split_ascii_whitespace().nth(DROPPED)?.parse().ok() } else { None }
    };
    text.lines().find_map(of)
}

fn softnet_row(line: &str) -> Option<SoftnetRow> {
    const CPU_COLUMN: usize = 12;
    let mut columns = line.split_ascii_whitespace();
    let mut hexadecimal = || columns.next().and_then(|column| u32::from_str_radix(column, 16).ok()).map(u64::from);
    let (processed, dropped, time_squeeze) = (hexadecimal()?, hexadecimal()?, hexadecimal()?);
    let cpu = match columns.nth(CPU_COLUMN - 3) {
        Some(column) => Some(u32::from_str_radix(column, 16).ok()?),
        None => None,
    };
    Some(SoftnetRow { cpu, processed, dropped, time_squeeze })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `/proc/net/snmp` of Linux 6.18, its first lines.
    const SNMP_6_18: &str = "\
Ip: Forwarding DefaultTTL InReceives InHdrErrors
Ip: 2 64 2246 0
IcmpMsg: InType3
IcmpMsg: 1
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs \
RetransSegs InErrs OutRsts InCsumErrors
Tcp: 1 200 120000 -1 65 2 0 55 0 2120 1676 0 0 56 0
";

    /// `/proc/net/sockstat` and `sockstat6` of Linux 6.18.
    const SOCKSTAT_6_18: &str = "\
sockets: used 12
TCP: inuse 1 orphan 0 tw 3 alloc 1 mem 0
UDP: inuse 0 mem 0
FRAG: inuse 0 memory 0
";

    #[test]
    fn of_a_line_that_is_cut_off_no_number_is_taken() {
        let netstat = parse_paired_lines("TcpExt: A B\nTcpExt: 17 1234");
        assert_eq!((netstat.value.len(), netstat.skipped), (0, 2), "the names have no values either");
        let sockstat = parse_sockstat("sockets: used 9\nTCP: inuse 12");
        assert_eq!((sockstat.value.get("TCP"), sockstat.value.len(), sockstat.skipped), (None, 1, 1));
        let softnet = parse_softnet_stat("000008b4 00000003 00000000\n000008b4 00000003 0");
        assert_eq!((softnet.value.len(), softnet.skipped), (1, 1));
        assert_eq!(parse_sockstat(""), Lenient::default());
    }

    #[test]
    fn packets_that_a_device_did_not_take_are_found_by_its_name() {
        let text = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
 wire0:     180       3    0    1    0     0          0         0      240       4    0    7    0     0       0          0
";
        assert_eq!(parse_transmit_drops(text, "wire0"), Some(7));
        assert_eq!(parse_transmit_drops(text, "lo"), Some(0));
        assert_eq!(parse_transmit_drops(text, "wire1"), None);
        assert_eq!(parse_transmit_drops("wire0: 1 2", "wire0"), None);
    }

    fn figure(figures: &Figures, group: &str, name: &str) -> Option<i64> {
        figures.get(group)?.get(name).copied()
    }

    #[test]
    fn counters_are_found_by_name() {
        let parsed = parse_paired_lines(SNMP_6_18);
        assert_eq!(parsed.skipped, 0);
        assert_eq!(figure(&parsed.value, "Tcp", "ActiveOpens"), Some(65));
        assert_eq!(figure(&parsed.value, "Tcp", "MaxConn"), Some(-1));
        assert_eq!(figure(&parsed.value, "IcmpMsg", "InType3"), Some(1));
        assert_eq!(figure(&parsed.value, "Tcp", "NoSuchCounter"), None);
    }

    #[test]
    fn columns_that_a_kernel_added_or_lacks_do_not_shift_the_others() {
        let old = parse_paired_lines("TcpExt: TW ListenDrops\nTcpExt: 5 7\n").value;
        let new = parse_paired_lines("TcpExt: Brand TW New ListenDrops\nTcpExt: 1 5 2 7\n").value;
        assert_eq!(figure(&old, "TcpExt", "ListenDrops"), figure(&new, "TcpExt", "ListenDrops"));
        assert_eq!(figure(&old, "TcpExt", "New"), None);
    }

    #[test]
    fn what_does_not_pair_is_counted_and_the_rest_is_kept() {
        let parsed = parse_paired_lines("A: x y\nB: z\nB: 4\nno colon\nC: p q r\nC: 1 two 3\n");
        assert_eq!(figure(&parsed.value, "B", "z"), Some(4));
        assert_eq!((figure(&parsed.value, "C", "p"), figure(&parsed.value, "C", "r")), (Some(1), Some(3)));
        // The A line, the line without a colon, and `two`.
        assert_eq!(parsed.skipped, 3);
    }

    #[test]
    fn where_names_and_numbers_are_not_as_many_or_a_group_is_there_twice_nothing_of_it_is_taken() {
        for lines in ["A: x y z\nA: 1 2\n", "A: x y\nA: 1 2 3\n", "A: x\nA: 1\nA: x\nA: 2\nA: x\nA: 3\n"] {
            let parsed = parse_paired_lines(&format!("{lines}B: z\nB: 4\n"));
            assert_eq!((parsed.value.get("A"), figure(&parsed.value, "B", "z")), (None, Some(4)), "{lines}");
            assert!(parsed.skipped > 0, "{lines}");
        }
        let twice = parse_sockstat("TCP: inuse 5\nUDP: inuse 2\nTCP: inuse 6\n");
        assert_eq!((twice.value.get("TCP"), figure(&twice.value, "UDP", "inuse"), twice.skipped), (None, Some(2), 1));
    }

    #[test]
    fn sockstat_groups_hold_names_and_values_in_turn() {
        let parsed = parse_sockstat(SOCKSTAT_6_18);
        assert_eq!(parsed.skipped, 0);
        assert_eq!(figure(&parsed.value, "TCP", "tw"), Some(3));
        assert_eq!(figure(&parsed.value, "sockets", "used"), Some(12));
        assert_eq!(figure(&parsed.value, "FRAG", "memory"), Some(0));
    }

    #[test]
    fn softnet_rows_of_every_kernel_are_read() {
        let row = |text: &str| parse_softnet_stat(&format!("{text}\n")).value[0];
        // 3.10: eleven columns, no CPU number.
        let old =
            row("000008b4 0000000a 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000");
        assert_eq!(old, SoftnetRow { cpu: None, processed: 0x8b4, dropped: 10, time_squeeze: 2 });
        // 6.18: fifteen columns.
        let new = row("000008b4 0000000a 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000 \
00000000 00000000 0000001f 00000000 00000000");
        assert_eq!(new.cpu, Some(31));
    }

    #[test]
    fn a_softnet_row_that_is_cut_is_counted() {
        assert_eq!(parse_softnet_stat("00000001 00000002\n1 2 3\nx y z\n").skipped, 2);
        // The kernel counts these in 32 bits, and has a row for each CPU.
        assert_eq!(parse_softnet_stat("100000000 2 3\n1 2 3\n").skipped, 1);
        let row = |cpu: u32| format!("1 2 3 0 0 0 0 0 0 0 0 0 {cpu:08x}\n");
        let parsed = parse_softnet_stat(&[row(0), row(1), row(0)].concat());
        assert_eq!((parsed.value.len(), parsed.value[0].cpu, parsed.skipped), (1, Some(1), 2));
    }

    #[test]
    fn a_text_cut_anywhere_is_read_as_far_as_it_goes() {
        for length in 0..=SNMP_6_18.len() {
            let value = parse_paired_lines(&SNMP_6_18[..length]).value;
            assert!(figure(&value, "Tcp", "InCsumErrors").is_none() || length >= SNMP_6_18.len() - 1);
        }
        for length in 0..=SOCKSTAT_6_18.len() {
            assert!(parse_sockstat(&SOCKSTAT_6_18[..length]).skipped <= 1);
        }
    }

    proptest! {
        #[test]
        fn a_word_that_is_missing_moves_no_other_number(columns in 2..40_usize, line in 0..2_usize, lost in 0..40_usize) {
            let line_of = |word: &dyn Fn(usize) -> String, is_cut: bool| {
                let kept = (0..columns).filter(|at| !(is_cut && *at == lost % columns));
                kept.map(word).collect::<Vec<_>>().join(" ")
            };
            let names = line_of(&|at| format!("N{at}"), line == 0);
            let values = line_of(&|at| at.to_string(), line == 1);
            let parsed = parse_paired_lines(&format!("A: {names}\nA: {values}\n"));
            prop_assert!(parsed.skipped > 0);
            for (name, number) in parsed.value.values().flatten() {
                prop_assert_eq!(name, &format!("N{number}"));
            }
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "([A-Za-z0-9]{0,3}[: \n-]){0,40}") {
            let _ = (parse_paired_lines(&text), parse_sockstat(&text), parse_softnet_stat(&text));
        }
    }
}
