mod desk;
mod keys;
mod negotiation;
mod prompts;
