//! What a user sees, told with real input.

mod blocks;
mod calls;
mod captures;
mod commands;
mod documents;
mod evasion;
mod oracles;
mod reconcile;
mod verdicts;
