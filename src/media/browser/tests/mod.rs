mod calls;
mod conversion;
mod negotiation;
pub mod page;
