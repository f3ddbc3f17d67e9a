//! devicedrop's chores.

fn main() {}
