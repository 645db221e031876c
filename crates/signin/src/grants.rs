//! What a code or a refresh token is redeemed for. What is stolen ends all that came of it.

use directory::{Change, change};
use token::grant::{
    CodeRecord, CodeRequest, FamilyRecord, FamilyRules, Grant, RefreshRequest, RefreshToken,
    Refused,
};
use trust::{Rng, Timestamp};
use wire::Guid;

use crate::{Asked, records};

/// What was redeemed.
#[derive(Debug)]
pub struct Redeemed {
    /// What is granted.
    pub grant: Grant,
    /// The family of refresh tokens that the code's redemption begins, or the token's.
    pub family: Guid,
    /// The next refresh token, and when its family ends; `None` for a code, whose family the party begins or does not.
    pub refresh: Option<(RefreshToken, Timestamp)>,
    /// What to commit before anything is told.
    pub changes: Vec<Change>,
}

/// What was not redeemed.
#[derive(Debug)]
pub struct NotRedeemed {
    /// Why.
    pub refused: Refused,
    /// What to commit with the refusal: the end of what came of something that was used twice.
    pub changes: Vec<Change>,
}

impl From<Refused> for NotRedeemed {
    fn from(refused: Refused) -> Self {
        Self {
            refused,
            changes: vec![],
        }
    }
}

/// Redeems a code. `device` is the one that proved itself.
///
/// # Errors
/// [`directory::Fault`] when the directory fails.
pub fn code(
    asked: &Asked<'_, '_>,
    request: &CodeRequest,
    device: Option<Guid>,
) -> Result<Result<Redeemed, NotRedeemed>, directory::Fault> {
    let (snapshot, now, tables) = (asked.house.snapshot, asked.now, asked.house.tables);
    let key = *request.digest().as_bytes();
    let Some(record) = records::read::<CodeRecord>(snapshot, tables.codes, &key, now)? else {
        return Ok(Err(Refused::Code.into()));
    };
    let (family, kept_until) = (record.family(), record.kept_until());
    Ok(match record.redeem(request, device, now) {
        Ok((grant, spent)) => Ok(Redeemed {
            grant,
            family,
            refresh: None,
            changes: vec![records::write(tables.codes, &key, &spent, kept_until)],
        }),
        // Somebody has the code who should not: what came of it ends (RFC 6749 4.1.2).
        Err(refused @ Refused::CodeSpent) => Err(NotRedeemed {
            refused,
            changes: vec![change::remove(tables.families, family.to_bytes())],
        }),
        Err(refused) => Err(refused.into()),
    })
}

/// Begins a family of refresh tokens for what was granted.
pub fn begin_family(
    asked: &Asked<'_, '_>,
    family: Guid,
    grant: &Grant,
    authority: Option<Guid>,
    expires: Timestamp,
    rng: &mut dyn Rng,
) -> (RefreshToken, Change) {
    let (record, token) = FamilyRecord::begin(family, grant.clone(), authority, expires, rng);
    let table = asked.house.tables.families;
    let change = records::write(table, &family.to_bytes(), &record, expires);
    (token, change)
}

/// The record of the family that a request names, if there is one.
///
/// # Errors
/// [`directory::Fault`] when the directory fails.
pub fn family(asked: &Asked<'_, '_>, name: Guid) -> Result<Option<FamilyRecord>, directory::Fault> {
    let table = asked.house.tables.families;
    records::read(asked.house.snapshot, table, &name.to_bytes(), asked.now)
}

/// Redeems a refresh token of the family with this `record`. `device` is the one that proved itself.
///
/// # Errors
/// [`NotRedeemed`].
pub fn refresh_token(
    asked: &Asked<'_, '_>,
    request: &RefreshRequest,
    record: FamilyRecord,
    rules: &FamilyRules,
    device: Option<Guid>,
    rng: &mut dyn Rng,
) -> Result<Redeemed, NotRedeemed> {
    let table = asked.house.tables.families;
    let family = request.family();
    let key = family.to_bytes();
    match record.redeem(request, rules, device, asked.now, rng) {
        Ok((grant, record, token)) => Ok(Redeemed {
            grant,
            family,
            refresh: Some((token, record.expires())),
            changes: vec![records::write(table, &key, &record, record.expires())],
        }),
        Err(refused @ Refused::RefreshTokenSpent) => Err(NotRedeemed {
            refused,
            changes: vec![change::remove(table, key)],
        }),
        Err(refused) => Err(refused.into()),
    }
}
