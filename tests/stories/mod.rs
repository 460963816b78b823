//! What a user sees, told with real input.

mod attacks;
mod blocks;
mod calls;
mod captures;
mod commands;
mod dashboards;
mod desk;
mod documents;
mod evasion;
mod oracles;
mod reconcile;

mod records;
mod reports;
mod serve;
mod sight;
mod signatures;
mod usual;
mod verdicts;
