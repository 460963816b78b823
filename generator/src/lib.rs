//! Makes days of a customer's traffic with attacks in it, truth beside each call.
