//! Programs with which the kernel leaves out frames before they are copied: what they pass and what they cost.

use sys::Instruction;

/// Which frames are taken off an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of them.
    Everything,
    /// All but what cannot carry SIP: UDP that begins as RTP and RTCP do (RFC 3550 §5.1), ICMP, ESP and ARP. SIP is found
    /// on any port and in any tunnel.
    Signalling,
    /// UDP, TCP and SCTP from or to these ports, and fragments of UDP. Nothing in tunnels, and nothing under two VLAN tags.
    Ports(Vec<u16>),
}

impl Filter {
    /// The most ports that a filter can name.
    pub const PORTS_MAX: usize = 32;

    /// The program that decides about frames of Ethernet; none for all of them.
    pub(super) fn program(&self) -> Vec<Instruction> {
        match self {
            Self::Everything => Vec::new(),
            Self::Signalling => signalling().assemble(),
            Self::Ports(ports) => by_ports(ports).assemble(),
        }
    }
}

fn signalling() -> Program {
    let mut program = Program::default();
    program.load(HALF, 12);
    program.branch(EQUALS, 0x0800, To::Label("v4"), To::Next);
    program.branch(EQUALS, 0x86dd, To::Label("v6"), To::Next);
    // ARP; whatever else is no IP may be a tunnel.
    program.branch(EQUALS, 0x0806, To::Drop, To::Pass);
    program.label("v4");
    program.load(BYTE, 23);
    program.branch(EQUALS, UDP, To::Label("udp over v4"), To::Next);
    program.branch(EQUALS, 1, To::Drop, To::Next);
    program.branch(EQUALS, ESP, To::Drop, To::Pass);
    program.label("udp over v4");
    program.load(HALF, 20);
    // Of a fragment nothing can be told.
    program.branch(ANY_BIT, 0x3fff, To::Pass, To::Next);
    program.load_header_length(14);
    program.udp_but_media(HALF_BEHIND, BYTE_BEHIND, 14);
    program.label("v6");
    program.load(BYTE, 20);
    program.branch(EQUALS, UDP, To::Label("udp over v6"), To::Next);
    program.branch(EQUALS, 58, To::Drop, To::Next);
    program.branch(EQUALS, ESP, To::Drop, To::Pass);
    program.label("udp over v6");
    program.udp_but_media(HALF, BYTE, 54);
    program
}

fn by_ports(ports: &[u16]) -> Program {
    let mut program = Program::default();
    program.load(HALF, 12);
    program.branch(EQUALS, 0x0800, To::Label("v4"), To::Next);
    program.branch(EQUALS, 0x86dd, To::Label("v6"), To::Drop);
    program.label("v4");
    program.load(BYTE, 23);
    program.branch(EQUALS, UDP, To::Label("fragment"), To::Next);
    program.branch(EQUALS, TCP, To::Label("ports of v4"), To::Next);
    program.branch(EQUALS, SCTP, To::Label("ports of v4"), To::Drop);
    program.label("fragment");
    program.load(HALF, 20);
    program.branch(ANY_BIT, 0x3fff, To::Pass, To::Label("ports of v4"));
    program.label("ports of v4");
    program.load_header_length(14);
    program.ports(HALF_BEHIND, 14, ports);
    program.drop_rest();
    program.label("v6");
    program.load(BYTE, 20);
    program.branch(EQUALS, 44, To::Pass, To::Next);
    program.branch(EQUALS, UDP, To::Label("ports of v6"), To::Next);
    program.branch(EQUALS, TCP, To::Label("ports of v6"), To::Next);
    program.branch(EQUALS, SCTP, To::Label("ports of v6"), To::Drop);
    program.label("ports of v6");
    program.ports(HALF, 54, ports);
    program.drop_rest();
    program
}

/// Where a branch goes.
#[derive(Clone, Copy)]
enum To {
    Next,
    Pass,
    Drop,
    Label(&'static str),
}

struct Step {
    code: u16,
    value: u32,
    branches: Option<[To; 2]>,
}

/// A program with names instead of distances.
#[derive(Default)]
struct Program {
    steps: Vec<Step>,
    labels: Vec<(&'static str, usize)>,
}

impl Program {
    fn label(&mut self, name: &'static str) {
        self.labels.push((name, self.steps.len()));
    }

    /// Loads what stands at `at`, or so far behind the header whose length was loaded.
    fn load(&mut self, code: u16, at: u32) {
        self.steps.push(Step { code, value: at, branches: None });
    }

    /// Loads the length of the IPv4 header at `at`.
    fn load_header_length(&mut self, at: u32) {
        self.load(0xb1, at);
    }

    fn branch(&mut self, code: u16, value: u32, then: To, otherwise: To) {
        self.steps.push(Step { code, value, branches: Some([then, otherwise]) });
    }

    fn drop_rest(&mut self) {
        self.branch(EQUALS, 0, To::Drop, To::Drop);
    }

    /// Passes UDP but for what begins as RTP: its version is 2. Tunnels whose first byte may be anything pass.
    fn udp_but_media(&mut self, half: u16, byte: u16, at: u32) {
        self.ports(half, at, &TUNNELS);
        self.load(byte, at + 8);
        self.load(0x54, 0xc0);
        self.branch(EQUALS, 0x80, To::Drop, To::Pass);
    }

    /// Passes what is from or to one of `ports`; the others go on.
    fn ports(&mut self, half: u16, at: u32, ports: &[u16]) {
        for end in [at, at + 2] {
            self.load(half, end);
            for &port in ports {
                self.branch(EQUALS, u32::from(port), To::Pass, To::Next);
            }
        }
    }

    fn assemble(&self) -> Vec<Instruction> {
        let pass = self.steps.len();
        let place = |to: To, here: usize| match to {
            To::Next => here + 1,
            To::Pass => pass,
            To::Drop => pass + 1,
            To::Label(name) => {
                self.labels.iter().find(|(label, _)| *label == name).map_or(pass + 1, |(_, place)| *place)
            }
        };
        // A filter has few enough steps that every distance fits.
        let distance = |to: To, here: usize| u8::try_from(place(to, here) - here - 1).unwrap_or(u8::MAX);
        let steps = self.steps.iter().enumerate().map(|(here, step)| {
            let [then, otherwise] = step
                .branches
                .map_or([0, 0], |[then, otherwise]| [distance(then, here), distance(otherwise, here)]);
            Instruction { code: step.code, then, otherwise, value: step.value }
        });
        let answer = |value| Instruction { code: 0x06, then: 0, otherwise: 0, value };
        steps.chain([answer(u32::MAX), answer(0)]).collect()
    }
}

/// UDP that carries GRE (RFC 8086) or MPLS (RFC 7510): its first byte may be that of RTP.
const TUNNELS: [u16; 2] = [4754, 6635];

const HALF: u16 = 0x28;
const BYTE: u16 = 0x30;
const HALF_BEHIND: u16 = 0x48;
const BYTE_BEHIND: u16 = 0x50;
const EQUALS: u16 = 0x15;
const ANY_BIT: u16 = 0x45;

const TCP: u32 = 6;
const UDP: u32 = 17;
const ESP: u32 = 50;
const SCTP: u32 = 132;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Assembler, Capture, Frame, LinkType};

    /// What the kernel makes of `program` on `frame`: how many bytes it takes.
    fn run(program: &[Instruction], frame: &[u8]) -> u32 {
        let (mut a, mut x, mut at) = (0_u32, 0_u32, 0);
        loop {
            let Instruction { code, then, otherwise, value } = program[at];
            at += 1;
            let read = |from: u32, bytes: usize| {
                let slice = frame.get(from as usize..from as usize + bytes)?;
                Some(slice.iter().fold(0, |all, byte| all << 8 | u32::from(*byte)))
            };
            let loaded = match code {
                HALF => read(value, 2),
                BYTE => read(value, 1),
                HALF_BEHIND => read(x + value, 2),
                BYTE_BEHIND => read(x + value, 1),
                _ => Some(a),
            };
            // What is not there ends it: nothing is taken.
            let Some(loaded) = loaded else { return 0 };
            a = loaded;
            match code {
                0xb1 => x = 4 * (u32::from(frame[value as usize]) & 15),
                0x54 => a &= value,
                EQUALS => at += usize::from(if a == value { then } else { otherwise }),
                ANY_BIT => at += usize::from(if a & value != 0 { then } else { otherwise }),
                0x06 => return value,
                _ => {}
            }
        }
    }

    fn udp(payload: &[u8], ports: [u16; 2]) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend([0x08, 0, 0x45, 0]);
        frame.extend((28 + payload.len() as u16).to_be_bytes());
        frame.extend([0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        ports.iter().for_each(|port| frame.extend(port.to_be_bytes()));
        frame.extend((8 + payload.len() as u16).to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(payload);
        frame
    }

    #[test]
    fn media_is_left_out_and_sip_on_any_port_is_not() {
        let program = Filter::Signalling.program();
        assert!(program.len() < 40, "{}", program.len());
        for first in 0..=255_u8 {
            let is_media = first & 0xc0 == 0x80;
            let frame = udp(&[first, 0, 0, 1], [4_000, 16_384]);
            assert_eq!(run(&program, &frame) == 0, is_media, "{first:#x}");
            // What a tunnel begins with says nothing.
            assert_ne!(run(&program, &udp(&[first], [1, 4754])), 0);
            assert_ne!(run(&program, &udp(&[first], [6635, 1])), 0);
        }
        let mut options = udp(&[0x80; 20], [1, 2]);
        options[14] = 0x46;
        options.splice(34..34, [1; 4]);
        assert_eq!(run(&program, &options), 0, "behind options of IP");
        let mut fragment = udp(&[0x80; 20], [1, 2]);
        fragment[20] = 0x20;
        assert_ne!(run(&program, &fragment), 0, "a fragment may be of anything");
        let mut arp = vec![2; 60];
        arp[12..14].copy_from_slice(&[8, 6]);
        assert_eq!(run(&program, &arp), 0);
        arp[12..14].copy_from_slice(&[0x88, 0x47]);
        assert_ne!(run(&program, &arp), 0, "MPLS");
    }

    #[test]
    fn ports_pass_either_way_and_no_others() {
        let ports: Vec<u16> = (0..Filter::PORTS_MAX as u16).map(|index| 5_060 + index).collect();
        let program = Filter::Ports(ports).program();
        for (ends, passes) in
            [([5_060, 1], true), ([1, 5_091], true), ([1, 5_092], false), ([5_059, 1], false)]
        {
            assert_eq!(run(&program, &udp(b"INVITE", ends)) != 0, passes, "{ends:?}");
        }
        let mut tcp = udp(&[0; 20], [5_061, 40_000]);
        tcp[23] = 6;
        assert_ne!(run(&program, &tcp), 0);
        tcp[23] = 47;
        assert_eq!(run(&program, &tcp), 0);
    }

    /// Whatever the assembler finds in all frames it finds in those that the filter takes.
    #[test]
    fn no_message_of_the_shared_captures_is_filtered_out() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let shared =
            std::env::var_os("RINGWALL_SHARED").map_or_else(|| root.join("../../shared"), Into::into);
        let Ok(manifest) = std::fs::read_to_string(shared.join("captures/MANIFEST.md")) else {
            assert!(std::env::var_os("CI").is_none(), "RINGWALL_SHARED is missing in CI");
            println!("SKIPPED: the shared captures are not there");
            return;
        };
        let files = manifest.lines().filter_map(|line| line.trim_matches('|').split('|').next());
        let program = Filter::Signalling.program();
        let (mut messages, mut frames, mut left_out) = (0, 0, 0);
        for file in files.map(str::trim).filter(|file| file.starts_with("captures/")) {
            let Ok(mut capture) = Capture::open(shared.join("captures").join(file)) else { continue };
            let (mut all, mut taken) = (Assembler::new(), Assembler::new());
            let (mut of_all, mut of_taken) = (Vec::new(), Vec::new());
            while let Some(frame) = capture.next_frame() {
                if frame.link != LinkType::ETHERNET {
                    continue;
                }
                frames += 1;
                all.assemble(frame, &mut |packet| of_all.push(packet.payload.to_vec()));
                if run(&program, frame.data) == 0 {
                    left_out += 1;
                    continue;
                }
                taken.assemble(Frame { ..frame }, &mut |packet| of_taken.push(packet.payload.to_vec()));
            }
            assert_eq!(of_all, of_taken, "{file}");
            messages += of_all.len();
        }
        assert!(
            messages > 9_000 && left_out > 1_000,
            "{messages} messages, {left_out} of {frames} frames left out"
        );
    }
}
