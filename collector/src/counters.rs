//! What became of every frame, with a reason for all that was left out.

use std::fmt;

/// Declares the counters once: field, meaning.
macro_rules! counters {
    ($($(#[doc = $meaning:literal])+ $name:ident,)+) => {
        /// How many of what an [`Assembler`](crate::Assembler) saw, delivered and left out.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $meaning])+ pub $name: u64,)+
        }

        impl Counters {
            /// Every counter: its name, what it counts, its value.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), concat!($($meaning),+).trim_ascii(), self.$name)),+].into_iter()
            }
        }
    };
}

counters! {
    /// Frames handed in.
    frames,
    /// SIP messages handed out.
    messages,
    /// SIP messages of UDP datagrams among them.
    messages_udp,
    /// SIP messages of TCP streams among them.
    messages_tcp,
    /// SIP messages of WebSockets among them.
    messages_websocket,
    /// SIP messages of SCTP among them.
    messages_sctp,
    /// SIP messages that HEP packets quoted among them.
    messages_hep,
    /// Messages handed out although only their beginning is there.
    messages_truncated,
    /// Frames that a snap length cut.
    frames_cut,
    /// Frames of a link type that is not read.
    unknown_link,
    /// Frames of wireless networks (802.11), which are not read.
    wireless,
    /// Frames that carried no IP, such as ARP.
    not_ip,
    /// Frames of which a layer below the transport was broken or shorter than it claims.
    damaged,
    /// Frames with more layers inside each other than are peeled.
    too_deep,
    /// IP packets that carried neither UDP, TCP, SCTP nor a tunnel that is read, such as ESP.
    other_protocol,
    /// ICMP messages; the packets they quote are not counted.
    icmp,
    /// UDP datagrams that held no SIP, such as RTP, DNS and keep-alives.
    not_sip,
    /// IP fragments seen.
    fragments,
    /// Datagrams put together from fragments.
    reassembled,
    /// Datagrams whose fragments overlapped with the same bytes.
    overlaps_same,
    /// Datagrams whose fragments overlapped with other bytes; the first ones were kept.
    overlaps_conflicting,
    /// Fragments that broke RFC 791 or RFC 8200: a hole in the length, an end beyond 64 KiB.
    fragments_bad,
    /// Datagrams given up because not all fragments came in time.
    fragments_late,
    /// Datagrams given up to make room for others.
    fragments_evicted,
    /// TCP segments seen.
    segments,
    /// TCP segments with data of connections that carry no SIP.
    segments_not_sip,
    /// TCP segments whose bytes were all seen before.
    segments_again,
    /// TCP segments far outside what their connection expects.
    segments_out_of_window,
    /// TCP segments that waited for earlier ones.
    segments_early,
    /// TCP segments that overlapped others with other bytes; the first ones were kept.
    segments_conflicting,
    /// Directions of TCP connections followed from their SYN.
    streams_opened,
    /// Directions of TCP connections picked up at the start of a message.
    streams_joined,
    /// Directions of TCP connections given up to make room for others.
    streams_evicted,
    /// Directions of TCP connections that closed with framing so broken that nothing after it can be trusted.
    streams_broken,
    /// Holes in TCP streams that were never filled; reading went on at the next start line.
    gaps,
    /// WebSocket frames that break RFC 6455, are too long or are compressed.
    websocket_bad,
    /// HEP packets seen.
    hep,
    /// HEP packets that break the format.
    hep_bad,
    /// HEP packets that quote something else than SIP.
    hep_not_sip,
}

impl Counters {
    /// What is known to be missing: frames cut short, fragments and stretches of streams that never came or were given up.
    pub fn lost(&self) -> u64 {
        self.frames_cut
            + self.fragments_late
            + self.fragments_evicted
            + self.gaps
            + self.streams_evicted
            + self.streams_broken
    }

    /// Adds what was counted while messages of a stream or of HEP were handed out.
    pub(crate) fn add_messages(&mut self, more: &Self) {
        self.messages += more.messages;
        self.messages_tcp += more.messages_tcp;
        self.messages_websocket += more.messages_websocket;
        self.messages_hep += more.messages_hep;
        self.messages_truncated += more.messages_truncated;
        self.not_sip += more.not_sip;
        self.hep += more.hep;
        self.hep_bad += more.hep_bad;
        self.hep_not_sip += more.hep_not_sip;
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = self.iter().filter(|(_, _, count)| *count > 0);
        for (index, (name, _, count)) in counted.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {count}")?;
        }
        Ok(())
    }
}
