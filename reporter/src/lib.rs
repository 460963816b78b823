//! What do we tell? Call records, alerts and summaries as text.
