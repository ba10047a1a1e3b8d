//! Lists of ports, such as `net.ipv4.ip_local_reserved_ports`, as the kernel prints them.

/// The list `present` with the ports of `more`, or nothing when one of the two is no list of ports.
///
/// `proc_do_large_bitmap` (kernel/sysctl.c) replaces the whole list on writing, and prints neighbours as one range.
pub(super) fn include(present: &str, more: &str) -> Option<String> {
    let mut ranges = ranges(present)?;
    ranges.extend(self::ranges(more)?);
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => merged.push((first, last)),
        }
    }
    let text = merged.into_iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    Some(text.collect::<Vec<_>>().join(","))
}

/// The ranges of a list, both ends included, in the order of the text.
fn ranges(text: &str) -> Option<Vec<(u32, u32)>> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let range = |word: &str| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
        (first <= last).then_some((first.into(), last.into()))
    };
    words.map(range).collect()
}
