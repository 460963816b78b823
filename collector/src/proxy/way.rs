//! Which way a request goes by its own words: Request-URI and Route (RFC 3261 §16.4, §16.6).

use engine::sip::{Header, Message, Uri};

use super::port::Ports;
use super::rewrite::{Rewrite, line_of, place_of};
use super::secret::{Secret, read_hash};
use crate::answer;
use crate::limits::ROUTES_MAX;

/// The way of one request.
pub(super) struct Way<'a> {
    /// The Request-URI that it goes on with.
    uri: &'a [u8],
    /// Whether that is another than it came with.
    is_other_uri: bool,
    /// The Route values that it goes on with.
    routes: Vec<Route<'a>>,
    /// Whether those are others than it came with.
    are_other_routes: bool,
    /// Where it is to be sent.
    pub(super) next: Uri<'a>,
    /// Whether it is part of a dialog that was begun through us: we said so ourselves, in Record-Route.
    pub(super) is_of_dialog: bool,
    /// The socket that it leaves by, when Route names one.
    pub(super) leaves_by: Option<usize>,
}

/// One Route value.
#[derive(Clone, Copy)]
struct Route<'a> {
    uri: Uri<'a>,
    /// Parameters of the header, with the first semicolon.
    params: &'a [u8],
}

/// A request with more Route values than anybody has, or with one that no Request-URI can be made of.
pub(super) struct Unlawful;

impl<'a> Way<'a> {
    /// Reads the way of `message`.
    pub(super) fn read(message: &Message<'a>, ports: &Ports, secret: &Secret) -> Result<Self, Unlawful> {
        let target = message.request_uri();
        let mut way = Self {
            uri: target.text,
            is_other_uri: false,
            routes: Vec::new(),
            are_other_routes: false,
            next: target,
            is_of_dialog: false,
            leaves_by: None,
        };
        if !message.has(Header::Route) {
            return Ok(way);
        }
        let routes = message.addresses(Header::Route).take(ROUTES_MAX + 1);
        way.routes.extend(routes.map(|route| Route { uri: route.uri, params: route.params }));
        if way.routes.len() > ROUTES_MAX {
            return Err(Unlawful);
        }
        way.pass_strict(message, ports, secret)?;
        way.pass_own(message, ports, secret);
        way.leave()?;
        Ok(way)
    }

    /// RFC 3261 §16.4: a hop before us that knows no loose routing put our Record-Route into the Request-URI, and where
    /// the request goes into the last Route. Only inside a dialog: what was judged is the Request-URI, and nobody may
    /// have it replaced by one that was not.
    fn pass_strict(&mut self, message: &Message<'_>, ports: &Ports, secret: &Secret) -> Result<(), Unlawful> {
        let is_own = ports.named(self.next.host, self.next.port).is_some();
        if !is_own || !begins(message, secret, self.next.user.unwrap_or_default()) {
            return Ok(());
        }
        if let Some(last) = self.routes.pop() {
            let came_by = Route { uri: self.next, params: b"" };
            self.set_uri(last.uri)?;
            self.are_other_routes = true;
            // It came by us as if our value stood first in Route.
            self.routes.insert(0, came_by);
        }
        Ok(())
    }

    /// Takes our own values off the top of Route: two where a request leaves by another socket than it came in (RFC 5658).
    fn pass_own(&mut self, message: &Message<'_>, ports: &Ports, secret: &Secret) {
        let mut own = 0;
        for route in self.routes.iter().take(OWN_ROUTES_MAX) {
            let Some(port) = ports.meant(&route.uri) else { break };
            own += 1;
            self.leaves_by = Some(port);
            self.is_of_dialog |= begins(message, secret, route.uri.user.unwrap_or_default());
        }
        self.are_other_routes |= own > 0;
        self.routes.drain(..own);
    }

    /// RFC 3261 §16.6, items 6 and 7: the first Route says where to, and becomes the Request-URI if it is a strict router;
    /// that only inside a dialog, as above.
    fn leave(&mut self) -> Result<(), Unlawful> {
        let Some(first) = self.routes.first().map(|route| route.uri) else { return Ok(()) };
        let target = std::mem::replace(&mut self.next, first);
        if is_loose(&first) {
            return Ok(());
        }
        if !self.is_of_dialog {
            return Err(Unlawful);
        }
        self.routes.remove(0);
        self.routes.push(Route { uri: target, params: b"" });
        self.are_other_routes = true;
        self.set_uri(first)
    }

    /// Goes on without any Route: somebody else says where to.
    pub(super) fn forget_routes(&mut self) {
        self.are_other_routes |= !self.routes.is_empty();
        self.routes.clear();
    }

    fn set_uri(&mut self, uri: Uri<'a>) -> Result<(), Unlawful> {
        if uri.text.is_empty() || uri.text.iter().any(|byte| *byte <= b' ' || b"<>\"".contains(byte)) {
            return Err(Unlawful);
        }
        (self.uri, self.next, self.is_other_uri) = (uri.text, uri, true);
        Ok(())
    }

    /// Notes in `rewrite` what of `message` is to be changed for it. With `instead` it goes on with that Request-URI.
    pub(super) fn note(&self, message: &Message<'_>, instead: Option<&[u8]>, rewrite: &mut Rewrite) {
        let bytes = message.bytes();
        if let Some(uri) = instead.or_else(|| self.is_other_uri.then_some(self.uri))
            && let Some(place) = place_of(bytes, message.request_uri().text)
        {
            rewrite.replace(place, |out| out.extend_from_slice(uri));
        }
        if !self.are_other_routes {
            return;
        }
        if !self.routes.is_empty() {
            let begin = message.header_at();
            rewrite.replace(begin..begin, |out| {
                for (place, route) in self.routes.iter().enumerate() {
                    out.extend_from_slice(if place == 0 { b"Route: <" } else { b", <" });
                    answer::put(out, route.uri.text);
                    out.push(b'>');
                    answer::put(out, route.params);
                }
                out.extend_from_slice(b"\r\n");
            });
        }
        for value in message.values(Header::Route) {
            if let Some(line) = line_of(bytes, value) {
                rewrite.remove(line);
            }
        }
    }
}

/// Whether `token`, of our own Record-Route, was given to the dialog of `message`; either side may have sent it.
fn begins(message: &Message<'_>, secret: &Secret, token: &[u8]) -> bool {
    let Some(token) = read_hash(token) else { return false };
    let tags = [message.from_tag(), message.to_tag()];
    message.to_tag().is_some()
        && tags.into_iter().flatten().any(|tag| secret.dialog(message.call_id(), tag) == token)
}

fn is_loose(uri: &Uri<'_>) -> bool {
    uri.params().value(b"lr").is_some()
}

/// Values of ours at the top of one Route.
const OWN_ROUTES_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::super::port::{Name, Port};
    use super::super::secret::put_hash;
    use super::*;

    const SECRET: [u8; 16] = [9; 16];

    /// What becomes of a request with these words, sent to 192.0.2.1:5060, which is ours, as 192.0.2.1:5070 is.
    fn check(target: &str, routes: &[&str], expected: &str) {
        let route: String = routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
        let text = format!(
            "BYE {target} SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n{route}From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: c\r\n\r\n"
        );
        let message = Message::read(text.as_bytes());
        let port = |text: &str| {
            let place: super::super::port::Place = text.parse().unwrap();
            Port { place, name: Name::of(place.address) }
        };
        let ports = Ports::new(vec![port("192.0.2.1:5060"), port("192.0.2.1:5070")], Box::new(|_| None));
        let Ok(way) = Way::read(&message, &ports, &Secret::new(SECRET)) else {
            return assert_eq!("unlawful", expected, "{target} {routes:?}");
        };
        let mut rewrite = Rewrite::default();
        way.note(&message, None, &mut rewrite);
        let mut out = Vec::new();
        rewrite.write(message.bytes(), 0, message.bytes().len(), &mut out);
        let out = String::from_utf8(out).unwrap();
        let (line, rest) = out.split_once(" SIP/2.0\r\n").unwrap();
        let routes: Vec<&str> = rest.lines().filter_map(|line| line.strip_prefix("Route: ")).collect();
        let said = format!(
            "{} | {} | {}{}",
            line.strip_prefix("BYE ").unwrap(),
            routes.join(" & "),
            String::from_utf8_lossy(way.next.host),
            if way.is_of_dialog { " known" } else { "" }
        );
        assert_eq!(said, expected, "{target} {routes:?}");
        assert!(
            out.contains("\r\nCall-ID: c\r\n\r\n") && out.contains("From: <sip:a@h>;tag=1\r\nTo: "),
            "{out}"
        );
    }

    fn own(caller_tag: &[u8], place: &str) -> String {
        let mut token = Vec::new();
        put_hash(&mut token, Secret::new(SECRET).dialog(b"c", caller_tag));
        format!("<sip:{}@{place};lr>", String::from_utf8(token).unwrap())
    }

    #[test]
    fn without_route_the_request_uri_says_where_to() {
        check("sip:b@198.51.100.1", &[], "sip:b@198.51.100.1 |  | 198.51.100.1");
    }

    #[test]
    fn our_own_route_is_taken_off_and_proves_the_dialog_from_either_side() {
        for tag in [b"1", b"2"] {
            let route = own(tag, "192.0.2.1:5060");
            check("sip:b@198.51.100.1", &[&route], "sip:b@198.51.100.1 |  | 198.51.100.1 known");
        }
        check("sip:b@198.51.100.1", &[&own(b"3", "192.0.2.1")], "sip:b@198.51.100.1 |  | 198.51.100.1");
        let double = format!("{}, {}", own(b"1", "192.0.2.1:5070"), own(b"1", "192.0.2.1:5060"));
        check("sip:b@198.51.100.1", &[&double], "sip:b@198.51.100.1 |  | 198.51.100.1 known");
    }

    #[test]
    fn a_loose_router_behind_us_is_next_and_stays_in_route() {
        check(
            "sip:b@198.51.100.1",
            &["<sip:192.0.2.1;lr>, <sip:198.51.100.7;lr>;x=1", "<sip:198.51.100.8;lr>"],
            "sip:b@198.51.100.1 | <sip:198.51.100.7;lr>;x=1, <sip:198.51.100.8;lr> | 198.51.100.7",
        );
    }

    #[test]
    fn a_strict_router_behind_us_gets_the_request_uri_that_it_wants() {
        check(
            "sip:b@198.51.100.1",
            &[&own(b"1", "192.0.2.1"), "<sip:198.51.100.7>"],
            "sip:198.51.100.7 | <sip:b@198.51.100.1> | 198.51.100.7 known",
        );
    }

    #[test]
    fn a_strict_router_before_us_is_understood() {
        let ours = own(b"1", "192.0.2.1:5060");
        let target = ours.trim_matches(['<', '>']);
        check(
            target,
            &["<sip:198.51.100.7;lr>", "<sip:b@198.51.100.1>"],
            "sip:b@198.51.100.1 | <sip:198.51.100.7;lr> | 198.51.100.7 known",
        );
        check(target, &["<sip:b@198.51.100.1>"], "sip:b@198.51.100.1 |  | 198.51.100.1 known");
    }

    #[test]
    fn nobody_has_the_request_uri_replaced_that_was_judged() {
        check("sip:b@198.51.100.1", &["<sip:192.0.2.1;lr>", "<sip:c@198.51.100.7>"], "unlawful");
        check("sip:192.0.2.1:5060;lr", &["<sip:c@198.51.100.7>"], "unlawful");
        check(
            "sip:b@192.0.2.1:5060;lr",
            &["<sip:198.51.100.7;lr>", "<sip:c@198.51.100.1;lr>"],
            "sip:b@192.0.2.1:5060;lr | <sip:198.51.100.7;lr> & <sip:c@198.51.100.1;lr> | 198.51.100.7",
        );
    }

    #[test]
    fn no_route_can_break_the_start_line() {
        let ours = own(b"1", "192.0.2.1");
        check(ours.trim_matches(['<', '>']), &["<sip:b@198.51.100.1\r\n SIP/2.0>"], "unlawful");
        let many = vec!["<sip:198.51.100.7;lr>"; ROUTES_MAX + 1];
        check("sip:b@198.51.100.1", &many, "unlawful");
    }
}
