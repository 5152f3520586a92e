//! The only room that knows the others.
