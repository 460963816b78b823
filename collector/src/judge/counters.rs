//! What a service did, in numbers that anybody may read while it works.

use std::sync::atomic::{AtomicU64, Ordering};

use rules::{Action, Transport, Verdict};

/// Declares what is counted once: variant, metric, label, meaning.
macro_rules! counts {
    ($($variant:ident $metric:literal $label:literal $meaning:literal;)+) => {
        /// One thing that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Count { $(#[doc = $meaning] $variant,)+ }

        impl Count {
            /// Everything that is counted.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The metric that it belongs to, without prefix, and what sets it apart from others of that metric.
            pub const fn name(self) -> (&'static str, &'static str) {
                match self { $(Self::$variant => ($metric, $label)),+ }
            }

            /// What counts a message that came so.
            pub(crate) const fn of_transport(transport: Transport) -> Self {
                match transport {
                    Transport::Tcp => Self::Tcp,
                    Transport::Tls => Self::Tls,
                    _ => Self::Udp,
                }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }
        }
    };
}

counts! {
    Udp "messages_received_total" "udp" "Messages that came over UDP.";
    Tcp "messages_received_total" "tcp" "Messages that came over TCP.";
    Tls "messages_received_total" "tls" "Messages that came over TLS.";
    Http "messages_received_total" "http" "Calls that were asked about over HTTP.";
    Queued "messages_received_total" "nfqueue" "Messages in packets that the kernel asked about.";
    PacketPassed "queue_packets_total" "passed" "Packets that the kernel asked about and that went on.";
    PacketDropped "queue_packets_total" "dropped" "Packets that the kernel asked about and that went no further.";
    AnswerInjected "queue_answers_total" "" "Answers said in the name of whom a packet was meant for.";
    QueueOverrun "queue_overruns_total" "" "Times that the kernel had no room to ask; packets went as when_full says.";
    Allowed "decisions_total" "allow" "Requests that a policy let go on.";
    Tagged "decisions_total" "tag" "Requests that a policy let go on, marked.";
    Terminated "decisions_total" "terminate" "Requests that go on, though their calls are to be ended.";
    Diverted "decisions_total" "divert" "Requests that a policy sent elsewhere.";
    Limited "decisions_total" "limit" "Requests refused because they exceeded a limit.";
    Blocked "decisions_total" "block" "Requests that a policy refused.";
    Repeated "retransmissions_total" "" "Requests that came again and got the same answer.";
    Options "other_requests_total" "options" "OPTIONS, answered 200.";
    Acknowledged "other_requests_total" "ack" "ACKs, which nothing answers.";
    Cancelled "other_requests_total" "cancel" "CANCELs.";
    InDialog "other_requests_total" "in-dialog" "Requests of dialogs that we are no part of, answered 481.";
    UnknownMethod "other_requests_total" "unknown" "Requests with a method that we do not know, answered 405.";
    Response "other_requests_total" "response" "Responses, which we never asked for.";
    KeepAlive "other_requests_total" "keep-alive" "Datagrams of line ends or zero bytes that keep a way through NAT open.";
    StrangerDropped "strangers_total" "dropped" "Requests from addresses of no peer that got no answer.";
    StrangerRefused "strangers_total" "refused" "Requests from addresses of no peer, answered 403.";
    MalformedRefused "malformed_total" "refused" "Requests that lack what every request has, answered 400.";
    MalformedDropped "malformed_total" "dropped" "Messages too broken to be answered.";
    ShedRefused "shed_total" "refused" "Calls refused because we were overloaded.";
    ShedOverShare "shed_total" "over-share" "Calls refused because we were overloaded, though what they dial is short or a name, or they claim a priority: more of them came than get a place then.";
    ShedSilent "shed_total" "silent" "OPTIONS about a user that got no answer because we were overloaded.";
    ShedWithoutPolicy "shed_total" "no-policy" "Calls refused because there is no policy to judge by.";
    ShedPassed "shed_total" "passed" "Calls of trusted peers that passed undecided because we were overloaded.";
    FaultPassed "faults_total" "passed" "Requests that passed undecided because judging them failed inside.";
    FaultRefused "faults_total" "refused" "Requests refused because judging them failed inside.";
    FaultUnanswered "faults_total" "unanswered" "Messages without an answer because something failed inside.";
    FaultTurn "faults_total" "turn" "Turns of a thread that judges of which the rest was left out because something failed inside.";
    FaultPage "faults_total" "page" "Pages over HTTP answered 500 because something failed inside.";
    FaultRecords "faults_total" "records" "Times that writing records failed inside and began anew.";
    Unread "datagrams_lost_total" "" "Datagrams that the system dropped because more came than could be read.";
    SendFailed "send_failures_total" "" "Answers that the system did not take.";
    RequestPassed "forwarded_total" "request" "Requests that the proxy passed on.";
    ResponsePassed "forwarded_total" "response" "Responses that the proxy passed on.";
    Stray "not_forwarded_total" "stray-response" "Responses to nothing that the proxy passed on.";
    TooManyHops "not_forwarded_total" "too-many-hops" "Requests over too many hops, answered 483.";
    Looped "not_forwarded_total" "loop" "Requests that came back as they went, answered 482.";
    Unsupported "not_forwarded_total" "unsupported" "Requests that ask a proxy for what ours cannot do, answered 420.";
    NoHop "not_forwarded_total" "no-hop" "Requests for a next hop of which no place is up, answered 503.";
    NoWay "not_forwarded_total" "no-way" "Requests that do not say by address where they go, answered 404.";
    TooLong "not_forwarded_total" "too-long" "Messages that would no longer fit into a datagram.";
    OwnAnswered "own_requests_total" "answered" "Answers to OPTIONS and BYEs of our own.";
    HungUp "own_requests_total" "hung-up" "Calls that were up and that we ended, by a BYE to each side.";
    NotHungUp "own_requests_total" "not-hung-up" "Calls that were to be ended and that we knew too little of.";
    HopDown "next_hop_turns_total" "down" "Places of next hops that went down.";
    HopUp "next_hop_turns_total" "up" "Places of next hops that came up again.";
    Opened "connections_total" "opened" "Connections taken.";
    TooManyOfOne "connections_total" "too-many-of-one" "Connections refused because their address had too many.";
    TooMany "connections_total" "too-many" "Connections refused because there were too many, all of them busy.";
    Evicted "connections_total" "evicted" "Connections closed because they were idle longest and others needed the place.";
    Slow "connections_total" "slow" "Connections closed because a message took too long to arrive.";
    BadFraming "connections_total" "bad-framing" "Connections closed because it was unknown where the next message begins.";
    NoHandshake "connections_total" "no-handshake" "Connections on which TLS could not be agreed.";
    Connected "connections_total" "made" "Connections made to where messages go.";
    NotConnected "connections_total" "not-made" "Connections that could not be made; who asked is told 503.";
    LookedUp "lookups_total" "found" "Names of next hops that were looked up.";
    NotLookedUp "lookups_total" "not-found" "Names of next hops that could not be looked up; where they led before holds.";
    CallDropped "news_dropped_total" "call" "Call records left out because the disk could not keep up, or had no room.";
    AlertDropped "news_dropped_total" "alert" "Alerts left out because the disk could not keep up, or had no room.";
    SignallingDropped "news_dropped_total" "signalling" "Messages of calls that were refused or rang an alarm, left out because the disk could not keep up, or had no room.";
    StateDropped "news_dropped_total" "state" "Snapshots of counters and blocks that could not be written.";
    SpoolCall "spool_events_total" "call" "Call records written into the spool.";
    SpoolEvent "spool_events_total" "alert" "Alerts written into the spool.";
    SpoolSignalling "spool_events_total" "signalling" "Messages of calls that were refused or rang an alarm, written into the spool.";
    SpoolCommitted "spool_commits_total" "" "Times that what was written into the spool was brought to the disk.";
    SpoolFailed "spool_failures_total" "" "Times that the spool could not be written.";
    SpoolCallGivenUp "spool_given_up_total" "call" "Call records given up unread because the spool had its size.";
    SpoolSignallingGivenUp "spool_given_up_total" "signalling" "Messages given up before their time because signalling had its size.";
    CasesAlert "cases_alerts_total" "" "Alerts of the spool that were put into cases.";
    CasesUnread "cases_unread_total" "" "Alerts of the spool that could be put into no case, and are set aside.";
    CasesFailed "cases_failures_total" "" "Times that the database of cases did not take what it was given.";
    MailKept "mails_received_total" "kept" "Mails that came, and are on disk.";
    MailNotKept "mails_received_total" "not-kept" "Mails that could not be kept, and were told to come again.";
    MailRead "mails_read_total" "read" "Mails that were read into cases.";
    MailNotRead "mails_read_total" "failed" "Times that a mail could not be read into cases; it is tried again.";
    MailAccepted "mails_sent_total" "accepted" "Mails that the smarthost took.";
    MailDelayed "mails_sent_total" "delayed" "Mails that the smarthost did not take now; they are tried again.";
    MailRefused "mails_sent_total" "refused" "Mails that the smarthost will never take.";
    NoticesFailed "notices_failures_total" "" "Times that notices could not be decided because the database did not answer.";
    NoticesReloaded "notices_reloads_total" "made" "Times that the file of notices was changed and taken.";
    NoticesRefused "notices_reloads_total" "refused" "Times that the file of notices was changed and had mistakes: what was in force stayed.";
    FeedUnchanged "feed_fetches_total" "unchanged" "Looks at feeds that found what is in force.";
    FeedChanged "feed_fetches_total" "changed" "Looks at feeds that brought another list.";
    FeedAside "feed_fetches_total" "aside" "Looks at feeds that brought a list which waits for a person.";
    FeedFailed "feed_fetches_total" "failed" "Looks at feeds that failed.";
    ReportMade "reports_total" "made" "Reports that ran by themselves, and went out.";
    ReportEmpty "reports_total" "empty" "Reports that ran by themselves, and had nothing to show.";
    ReportFailed "reports_total" "failed" "Reports that were to run by themselves, and could not be made.";
    ReportRetried "reports_total" "retried" "Reports that could not be made yet, and are tried again.";
    ReportFetched "report_fetches_total" "" "Times that somebody followed a link to a report.";
    RecordsStored "records_total" "stored" "Call records of the spool that were put into the store.";
    RecordsAside "records_total" "aside" "Call records of the spool that this version cannot read, and that are left out of the store.";
    RecordsForgotten "records_total" "forgotten" "Call records whose time was over and that were taken out of the store.";
    RecordsFailed "records_failures_total" "" "Times that the store of call records could not be written.";
    SpoolDamaged "spool_damaged_total" "" "Stretches of the spool that are not what was written, passed over.";
    BlockShared "blocks_shared_total" "shared" "Blocks of thresholds that another thread that judges was told, and holds against calls as well.";
    BlockUnshared "blocks_shared_total" "not-shared" "Blocks of thresholds that another thread that judges could not be told; they hold where they were set.";
    Reloaded "reloads_total" "taken" "Policies taken up while running.";
    ReloadRefused "reloads_total" "refused" "Policies refused while running because they had mistakes.";
    CountersLost "reloads_total" "counters-lost" "Reloads that changed thresholds, so that their counters began anew.";
    HepUdp "hep_received_total" "udp" "HEP packets that came over UDP.";
    HepTcp "hep_received_total" "tcp" "HEP packets that came over TCP.";
    HepSip "hep_packets_total" "sip" "HEP packets that quote a SIP message.";
    HepOther "hep_packets_total" "other" "HEP packets that quote something else, such as RTCP or a log line.";
    HepStranger "hep_packets_total" "stranger" "HEP packets from addresses of no sender, or without its key; dropped.";
    HepBroken "hep_packets_total" "broken" "What is no HEP, or HEP that contradicts itself; dropped.";
    HepClockWrong "hep_clock_wrong_total" "" "HEP packets with a time too far off our clock, which count from when they came.";
    HepLost "hep_lost_total" "" "HEP packets lost here because more came than could be judged.";
    HepOpened "hep_connections_total" "opened" "Connections of HEP senders taken.";
    HepConnectionStranger "hep_connections_total" "stranger" "Connections from addresses of no sender, closed.";
    HepTooMany "hep_connections_total" "too-many" "Connections of HEP senders refused because there were too many.";
    HepEvicted "hep_connections_total" "evicted" "Connections of HEP senders closed because they were idle longest and others needed the place.";
    HepCut "hep_connections_total" "cut" "Connections of HEP senders that ended inside a packet.";
    HepSlow "hep_connections_total" "slow" "Connections of HEP senders closed because a packet took too long to arrive.";
    HepBadFraming "hep_connections_total" "bad-framing" "Connections of HEP senders closed because it was unknown where the next packet begins.";
    CaptureFrames "capture_frames_total" "" "Frames taken off interfaces that are watched.";
    CaptureMessages "capture_messages_total" "" "SIP messages found in them.";
    CaptureDropped "capture_dropped_total" "" "Frames that were dropped because more came than could be judged.";
    CaptureLost "capture_lost_total" "" "Frames cut short, fragments and stretches of streams that never came or were given up.";
    MirrorSent "mirror_packets_total" "sent" "HEP packets about decisions that were sent.";
    MirrorDropped "mirror_packets_total" "dropped" "HEP packets about decisions left out because whoever reads them is away or slow.";
    CertificateFetched "certificate_fetches_total" "fetched" "Certificates of signers that were fetched.";
    CertificateForbidden "certificate_fetches_total" "forbidden" "Certificates not fetched because their address leads where we do not go.";
    CertificateUnreachable "certificate_fetches_total" "unreachable" "Certificates not fetched because nobody was there.";
    CertificateUntrusted "certificate_fetches_total" "untrusted" "Certificates not fetched because the host did not show who it is.";
    CertificateAnswer "certificate_fetches_total" "answer" "Certificates not fetched because the answer was another than 200.";
    CertificateTooLong "certificate_fetches_total" "too-long" "Certificates not fetched because too much came.";
    CertificateTooSlow "certificate_fetches_total" "too-slow" "Certificates not fetched because it took too long.";
    CertificateNotKept "certificates_not_kept_total" "" "Certificates that were fetched and could not be written to disk.";
    SensorFault "sensor_faults_total" "judging" "Messages seen that got no verdict because judging them failed inside.";
    SensorError "sensor_faults_total" "source" "Attempts to read a socket or an interface that failed.";
}

/// All of it, from zero.
#[derive(Debug)]
pub struct Counters([AtomicU64; Count::ALL.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; Count::ALL.len()])
    }
}

impl Counters {
    /// Counts one.
    #[inline]
    pub fn add(&self, count: Count) {
        if let Some(counter) = self.0.get(count as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts so many.
    #[inline]
    pub fn add_many(&self, count: Count, more: u64) {
        if let Some(counter) = self.0.get(count as usize).filter(|_| more > 0) {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Counts a request that was judged.
    pub(crate) fn add_verdict(&self, verdict: Option<Verdict>) {
        self.add(match verdict.map_or(Action::Allow, |verdict| verdict.action) {
            Action::Allow => Count::Allowed,
            Action::Tag => Count::Tagged,
            Action::Terminate => Count::Terminated,
            Action::Divert => Count::Diverted,
            Action::Limit => Count::Limited,
            Action::Block => Count::Blocked,
        });
    }

    /// How many there were.
    pub fn of(&self, count: Count) -> u64 {
        self.0.get(count as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}
