mod calls;
mod conversion;
mod moving;
mod negotiation;
pub mod page;
mod passing;
