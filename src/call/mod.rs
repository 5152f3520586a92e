//! One call from ring to record.
