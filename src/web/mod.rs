//! The web page: read-only, served by this process, complete without a script.
//!
//! Here: who is let in (`listen`, `token`, `guard`), what is answered (`server`, `pages`, `files`), in which words
//! (`words`). What it shows it asks of [`Record`], which the daemon implements; nothing here knows a ledger, and nothing
//! here can change anything.

mod address;
mod api;
mod events;
mod files;
mod guard;
mod listen;
mod monitor;
mod pages;
mod record;
mod server;
mod table;
mod token;
mod words;

pub use listen::{ListenError, Listening, Place, open};
pub use record::{
    Ask, Attempt, Change, Counts, Device, Page, Record, Registration, RowFilter, Rows, Sign, Submission,
    SubmissionFilter, Table, Unanswered, Which,
};
pub use server::{Site, serve};
pub use token::{FILE as TOKEN_FILE, Token, TokenError};
