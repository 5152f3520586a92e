//! The files as written → as meant; every fault at once. Knows every room's settings; no room knows it.
