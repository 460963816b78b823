//! Expected verdicts: tests that live in the policy file.

use std::net::SocketAddr;

use crate::policy::Span;
use crate::subject::{Attestation, CallType, Direction, Method, Transport};
use crate::time::Timestamp;
use crate::verdict::Action;

/// One `[[expect]]` table.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The call.
    pub call: ExpectedCall,
    /// The verdict it must get.
    pub verdict: Action,
    /// The rule that must decide, if one is named.
    pub rule: Option<String>,
    /// Where it stands in the file.
    pub span: Span,
}

/// The call of an `[[expect]]`, or of `explain --caller … --called …`. Numbers are as a message would carry
/// them, and are read by the customer's dial plan.
#[derive(Clone, Debug, Default)]
pub struct ExpectedCall {
    /// User part of From: `+12105559999`, `anonymous`, `alice`.
    pub from: String,
    /// User part of the Request-URI.
    pub to: String,
    /// P-Asserted-Identity, if any.
    pub asserted: Option<String>,
    /// Diversion, if any.
    pub diverted_by: Option<String>,
    /// Which way it goes; `None` lets numbers and source decide.
    pub direction: Option<Direction>,
    /// Who sends it; `None` is an outsider, or the customer's own side for outbound and internal calls.
    pub source: Option<SocketAddr>,
    /// When; `None` is the moment of the check.
    pub at: Option<Timestamp>,
    /// Display name of From.
    pub display_name: String,
    /// User-Agent.
    pub user_agent: String,
    /// Method; `None` is INVITE.
    pub method: Option<Method>,
    /// Transport; `None` is UDP.
    pub transport: Option<Transport>,
    /// Call type; `None` is voice.
    pub call_type: Option<CallType>,
    /// Attestation; `None` is none.
    pub attestation: Option<Attestation>,
}
