//! What devicedrop's tests stand on. Development only.
