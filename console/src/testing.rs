//! What tests of pages are made of.

use tokio::sync::oneshot;

use crate::known::Known;
use crate::office::OfficeQuestions;
use crate::portal;
use crate::question::{Asked, DeskQuestions, Questions};

impl Questions {
    /// Nobody answers anything: a test names what it asks, and takes the rest from here.
    pub(crate) fn silent() -> Self {
        Self {
            customers: nobody(),
            known: Known {
                calls: nobody(),
                call: nobody(),
                call_named: nobody(),
                judge: nobody(),
                blocks: nobody(),
                change_block: nobody(),
                lists: nobody(),
                entries: nobody(),
                change_list: nobody(),
                feeds: nobody(),
                accept_feed: nobody(),
                policies: nobody(),
                policy: nobody(),
                check: nobody(),
                backtest: nobody(),
                hits: nobody(),
                install: nobody(),
                roll_back: nobody(),
                thresholds: nobody(),
                usual: nobody(),
            },
            desk: DeskQuestions {
                lists_of: nobody(),
                draft: nobody(),
                ask_authorisers: nobody(),
                approve_part: nobody(),
                use_standing: nobody(),
                directory: nobody(),
            },
            office: OfficeQuestions {
                catalogue: nobody(),
                channels: nobody(),
                trial: nobody(),
                directory: nobody(),
            },
            portal: portal::Questions { directory: nobody(), in_force: nobody() },
            refused: nobody(),
            status: nobody(),
        }
    }
}

fn nobody<Q, A: Send + 'static>() -> Asked<Q, A> {
    Box::new(|_| {
        let (tell, told) = oneshot::channel();
        let _ = tell.send(Err("nobody answers this in this test".to_owned()));
        told
    })
}
