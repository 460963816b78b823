//! What a user sees, told with real input.

mod calls;
mod captures;
mod evasion;
mod oracles;
