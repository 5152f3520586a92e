mod desk;
mod keys;
mod mixer;
mod negotiation;
mod prompts;
mod recorder;
