//! What a user sees, told with real input.

mod attacks;
mod blocks;
mod calls;
mod captures;
mod commands;
mod documents;
mod evasion;
mod oracles;
mod reconcile;
<<<<<<< HEAD
mod sight;
mod usual;
=======
mod serve;
>>>>>>> af61bfb (An SBC asks Ringwall per call over SIP or HTTP and is told by policy whether it goes on)
mod verdicts;
