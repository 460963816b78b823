//! Number plans: which numbers exist, what they cost, how a region dials.
