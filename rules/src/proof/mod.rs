//! Proves what a policy can and cannot do, over the whole number space.
