//! What gives a right: refresh tokens and device codes; and the answers that are given again.

use devicedrop_core::time::Timestamp;
use rusqlite::OptionalExtension;

use super::{Session, time};

/// A refresh token that was given out.
#[derive(Debug, Clone)]
pub(in crate::trial) struct RefreshToken {
    pub(in crate::trial) tenant: String,
    pub(in crate::trial) client: String,
    /// Whether a newer one was given out for it.
    pub(in crate::trial) used: bool,
}

/// A sign-in by device code.
#[derive(Debug, Clone)]
pub(in crate::trial) struct DeviceCode {
    pub(in crate::trial) code: String,
    pub(in crate::trial) user_code: String,
    pub(in crate::trial) tenant: String,
    pub(in crate::trial) client: String,
    /// What it was asked for: `scope` or `resource` and its value, as in a form.
    pub(in crate::trial) scope: String,
    pub(in crate::trial) expires_at: Timestamp,
    pub(in crate::trial) approved: bool,
    pub(in crate::trial) redeemed: bool,
}

/// What was answered to a call.
#[derive(Debug, Clone)]
pub(in crate::trial) struct Remembered {
    pub(in crate::trial) status: u16,
    pub(in crate::trial) location: Option<String>,
    pub(in crate::trial) content_type: Option<String>,
    pub(in crate::trial) body: Vec<u8>,
}

impl Session<'_> {
    /// Gives a refresh token out, unless it is there.
    pub(in crate::trial) fn add_refresh_token(
        &self,
        token: &str,
        tenant: &str,
        client: &str,
    ) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO refresh_token (token, tenant, client) VALUES (?1, ?2, ?3)")?
            .execute((token, tenant, client))
            .map(|_| ())
    }

    /// What a refresh token is for.
    pub(in crate::trial) fn refresh_token(&self, token: &str) -> rusqlite::Result<Option<RefreshToken>> {
        self.connection
            .prepare_cached("SELECT tenant, client, used FROM refresh_token WHERE token = ?1")?
            .query_row([token], |row| {
                Ok(RefreshToken { tenant: row.get(0)?, client: row.get(1)?, used: row.get(2)? })
            })
            .optional()
    }

    /// A newer one was given out for it.
    pub(in crate::trial) fn use_refresh_token(&self, token: &str) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("UPDATE refresh_token SET used = 1 WHERE token = ?1")?
            .execute([token])
            .map(|_| ())
    }

    /// Gives a device code out.
    pub(in crate::trial) fn add_device_code(&self, new: &DeviceCode) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO device_code (code, user_code, tenant, client, scope, expires_at, approved)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                &new.code,
                &new.user_code,
                &new.tenant,
                &new.client,
                &new.scope,
                new.expires_at.unix_ms(),
                new.approved,
            ))
            .map(|_| ())
    }

    /// A device code by itself.
    pub(in crate::trial) fn device_code(&self, code: &str) -> rusqlite::Result<Option<DeviceCode>> {
        self.connection
            .prepare_cached(
                "SELECT code, user_code, tenant, client, scope, expires_at, approved, redeemed
                 FROM device_code WHERE code = ?1",
            )?
            .query_row([code], |row| {
                Ok(DeviceCode {
                    code: row.get(0)?,
                    user_code: row.get(1)?,
                    tenant: row.get(2)?,
                    client: row.get(3)?,
                    scope: row.get(4)?,
                    expires_at: time(row, 5)?,
                    approved: row.get(6)?,
                    redeemed: row.get(7)?,
                })
            })
            .optional()
    }

    /// A person approved the code shown to him. Returns whether there is such a one.
    pub(in crate::trial) fn approve(&self, user_code: &str) -> rusqlite::Result<bool> {
        self.connection
            .prepare_cached("UPDATE device_code SET approved = 1 WHERE user_code = ?1")?
            .execute([user_code])
            .map(|rows| rows > 0)
    }

    /// Tokens were given for it.
    pub(in crate::trial) fn redeem(&self, code: &str) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("UPDATE device_code SET redeemed = 1 WHERE code = ?1")?
            .execute([code])
            .map(|_| ())
    }

    /// What was answered to this call.
    pub(in crate::trial) fn remembered(&self, call: &str) -> rusqlite::Result<Option<Remembered>> {
        self.connection
            .prepare_cached("SELECT status, location, content_type, body FROM answered WHERE call = ?1")?
            .query_row([call], |row| {
                Ok(Remembered {
                    status: row.get(0)?,
                    location: row.get(1)?,
                    content_type: row.get(2)?,
                    body: row.get(3)?,
                })
            })
            .optional()
    }

    /// Keeps what is answered to this call.
    pub(in crate::trial) fn remember(&self, call: &str, at: Timestamp, what: &Remembered) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO answered (call, at, status, location, content_type, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((call, at.unix_ms(), what.status, &what.location, &what.content_type, &what.body))
            .map(|_| ())
    }
}
