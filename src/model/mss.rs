//! How much data one segment carries, and what IP makes of more.
//!
//! Mirrors: `ipv4_default_advmss()`, `tcp_mtu_to_mss()` and `ip_fragment()`; RFC 9293 3.7.1 and RFC 6691 (the MSS leaves options out, so
//! that each segment carries that much less).
//!
//! Differs from the kernel: path MTU discovery, IP options, extension headers and encapsulation are not modelled.

/// Bytes of a TCP header without options.
const TCP_HEADER: u64 = 20;
/// `TCPOLEN_TSTAMP_ALIGNED`: the timestamps option with its padding.
const TIMESTAMPS: u64 = 12;

/// Which IP carries the segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpVersion {
    /// A header of 20 bytes.
    #[default]
    V4,
    /// A header of 40 bytes.
    V6,
}

impl IpVersion {
    /// Both, the older first.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// Its name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    /// Bytes of its header without options.
    #[must_use]
    pub const fn header(self) -> u64 {
        match self {
            Self::V4 => 20,
            Self::V6 => 40,
        }
    }

    /// Bytes of the longest packet (`IP_MAX_MTU`, `IP6_MAX_MTU`); the loopback's MTU is 65536.
    const fn longest_packet(self) -> u64 {
        match self {
            Self::V4 => 65_535,
            Self::V6 => 65_575,
        }
    }

    /// What a SYN announces at the least, whatever the MTU (`net.ipv4.route.min_adv_mss` and its like for IPv6, at
    /// their defaults).
    const fn least_announced(self) -> u64 {
        match self {
            Self::V4 => 256,
            Self::V6 => 1220,
        }
    }
}

/// How data is cut up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSizes {
    /// The MSS that a SYN announces: the MTU without both headers, or the least that the kernel announces.
    pub mss: u64,
    /// Data that one segment carries: the MTU without both headers and the timestamps option.
    pub data_per_segment: u64,
    /// Segments that carry the data.
    pub segments: u64,
    /// Bytes that are sent again when one segment is lost.
    pub lost_segment_bytes: u64,
    /// Fragments that IP would make, were the data one segment: nothing when one IP packet cannot hold it.
    pub fragments: Option<u64>,
    /// Bytes of data that are sent again when one fragment is lost: all of them.
    pub lost_fragment_bytes: u64,
}

/// How `data` bytes travel over links of `mtu` bytes; `least_mss` is `tcp_min_snd_mss`, below which the kernel does not
/// cut: the packets are then longer than the MTU.
#[must_use]
pub fn segment_sizes(mtu: u64, data: u64, ip: IpVersion, timestamps: bool, least_mss: u64) -> SegmentSizes {
    let options = if timestamps { TIMESTAMPS } else { 0 };
    let mtu = mtu.min(ip.longest_packet());
    let fits = mtu.saturating_sub(ip.header() + TCP_HEADER);
    let data_per_segment = fits.max(least_mss).saturating_sub(options).max(1);
    // A fragment's data is a multiple of 8 bytes; IPv6 spends 8 more on the fragment header.
    let fragment_header = if ip == IpVersion::V6 { 8 } else { 0 };
    let room = (mtu.saturating_sub(ip.header() + fragment_header) / 8 * 8).max(8);
    let payload = data + TCP_HEADER + options;
    let longest = ip.longest_packet() - ip.header();
    let whole = mtu.saturating_sub(ip.header());
    let fragments = if payload <= whole { 1 } else { payload.div_ceil(room) };
    SegmentSizes {
        mss: fits.max(ip.least_announced()),
        data_per_segment,
        segments: data.div_ceil(data_per_segment).max(1),
        lost_segment_bytes: data_per_segment.min(data),
        fragments: (payload <= longest).then_some(fragments),
        lost_fragment_bytes: data,
    }
}

/// The share of messages that arrive whole, in millionths, when each of `packets` is lost with a chance of
/// `loss_ppm` millionths.
#[must_use]
pub fn arrival_ppm(packets: u64, loss_ppm: u64) -> u64 {
    const WHOLE: u64 = 1_000_000;
    // In thousandths of a millionth, so that rounding does not add up.
    let step = |share: u64| share / WHOLE * (WHOLE - loss_ppm.min(WHOLE));
    let share = (0..packets).try_fold(WHOLE * WHOLE, |share, _| if share == 0 { Err(0) } else { Ok(step(share)) });
    share.unwrap_or_else(|nothing| nothing) / WHOLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ethernet_carries_1448_bytes_a_segment() {
        let sizes = segment_sizes(1500, 65_000, IpVersion::V4, true, 48);
        assert_eq!((sizes.mss, sizes.data_per_segment, sizes.segments), (1460, 1448, 45));
        // 65032 bytes of IP payload in fragments of 1480.
        assert_eq!(sizes.fragments, Some(44));
        let sizes = segment_sizes(1500, 65_000, IpVersion::V6, false, 48);
        assert_eq!((sizes.mss, sizes.segments, sizes.fragments), (1440, 46, Some(45)));
    }

    #[test]
    fn the_loopback_announces_what_fits_an_ip_packet() {
        assert_eq!(segment_sizes(65_536, 1000, IpVersion::V4, true, 48).mss, 65_495);
        assert_eq!(segment_sizes(65_536, 1000, IpVersion::V6, true, 48).mss, 65_476);
        assert_eq!(segment_sizes(65_536, 1000, IpVersion::V4, true, 48).fragments, Some(1));
    }

    #[test]
    fn more_than_an_ip_packet_holds_cannot_be_fragmented_at_all() {
        assert_eq!(segment_sizes(1500, 65_496, IpVersion::V4, false, 48).fragments, None);
        assert_eq!(segment_sizes(1500, 65_495, IpVersion::V4, false, 48).fragments, Some(45));
    }

    #[test]
    fn the_smallest_mtu_still_moves_data() {
        let sizes = segment_sizes(68, 100, IpVersion::V4, true, 48);
        // Measured on 6.18: 256 announced below an MTU of 296, 36 bytes a segment at 68.
        assert_eq!((sizes.mss, sizes.data_per_segment, sizes.segments), (256, 36, 3));
        let sizes = segment_sizes(200, 100, IpVersion::V4, true, 48);
        assert_eq!((sizes.mss, sizes.data_per_segment), (256, 148));
    }

    #[test]
    fn the_more_pieces_the_fewer_arrive_whole() {
        assert_eq!(arrival_ppm(1, 10_000), 990_000);
        // 0.99^44 = 0.642…
        assert_eq!(arrival_ppm(44, 10_000) / 1000, 642);
        assert_eq!(arrival_ppm(3, 1_000_000), 0);
    }
}
