//! What goes into captures, and what comes out of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

extern crate ringwall_collector as collector;

mod build;
mod captures;
mod certificates;
mod evasion;
mod files;
mod fragments;
mod hep;
mod hostile;
mod streams;
mod tunnels;
