//! The packets of a scenario as pcapng, for Wireshark and its like.

use core::time::Duration;
use std::borrow::Cow;
use std::io;

use pcap_file::DataLink;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};

use super::printable::printable;
use crate::lab::{Frame, Passage};
use crate::model::Side;
use crate::units::KernelVersion;

/// Time stamps are in nanoseconds (`if_tsresol`: a power of ten).
const NANOSECONDS: u8 = 9;
/// Direction in `epb_flags`.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;

/// A capture with an interface for each end, its packets in the order of their stamps and beginning with their IP
/// headers. Comments say what the wire did with a packet where it did not just bring it, and which were before the
/// scenario began. `title` and the kernel that played stand at the beginning of the file.
///
/// # Errors
/// When a packet is too long for the format, which none of the laboratory's is.
pub fn render_capture(title: &str, kernel: KernelVersion, frames: &[Frame]) -> io::Result<Vec<u8>> {
    let options = vec![
        SectionHeaderOption::Comment(Cow::Owned(format!(
            "{}\nWhat both ends saw is here twice; frame.interface_id == 0 shows the client's view alone.",
            printable(title)
        ))),
        SectionHeaderOption::OS(Cow::Owned(format!("Linux {kernel}"))),
        SectionHeaderOption::UserApplication(Cow::Borrowed(concat!("tcpctl ", env!("CARGO_PKG_VERSION")))),
    ];
    let section = SectionHeaderBlock { endianness: pcap_file::Endianness::Little, options, ..Default::default() };
    let mut writer = PcapNgWriter::with_section_header(Vec::new(), section).map_err(io::Error::other)?;
    for side in Side::BOTH {
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::RAW,
            snaplen: 0,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Borrowed(side.name())),
                InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
            ],
        };
        writer.write_pcapng_block(interface).map_err(io::Error::other)?;
    }
    for frame in frames {
        writer.write_pcapng_block(packet(frame)?).map_err(io::Error::other)?;
    }
    Ok(writer.into_inner())
}

fn packet(frame: &Frame) -> io::Result<EnhancedPacketBlock<'_>> {
    let direction = if frame.outgoing { OUTBOUND } else { INBOUND };
    let mut options = vec![EnhancedPacketOption::Flags(direction)];
    let before = frame.before.then_some("before the scenario begins");
    let said: Vec<&str> = before.into_iter().chain(fate(frame.passage)).collect();
    if !said.is_empty() {
        options.push(EnhancedPacketOption::Comment(Cow::Owned(said.join("; "))));
    }
    Ok(EnhancedPacketBlock {
        interface_id: match frame.side {
            Side::Client => 0,
            Side::Server => 1,
        },
        timestamp: Duration::from_nanos(frame.unix_ns),
        original_len: u32::try_from(frame.bytes.len()).map_err(io::Error::other)?,
        data: Cow::Borrowed(&frame.bytes),
        options,
    })
}

/// What there is to say of a packet.
const fn fate(passage: Passage) -> Option<&'static str> {
    match passage {
        Passage::Carried => None,
        Passage::Lost => Some("lost by the wire"),
        Passage::Injected => Some("injected, as if from the other end or from a router"),
        Passage::NotCarried => Some("not carried: no TCP"),
    }
}
