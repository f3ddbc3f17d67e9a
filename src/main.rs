//! The program `devicedrop`; its parts come one by one.

fn main() {}
