//! Bounds of everything that a stranger can grow.
