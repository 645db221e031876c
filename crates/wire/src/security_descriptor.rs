//! Security descriptors: who may do what with an object (MS-DTYP 2.4.6).
//!
//! Only what a list of grants needs is read: the owner, and the discretionary list. A list is read with everything in
//! it, so that nothing that denies is passed over; what does not parse grants nothing.

use crate::sid::Sid;

/// A self-relative security descriptor's owner and discretionary list.
///
/// ```text
/// SECURITY_DESCRIPTOR: Revision 1, Sbz1 1, Control 2, OffsetOwner 4, OffsetGroup 4, OffsetSacl 4, OffsetDacl 4
/// ACL:                 AclRevision 1, Sbz1 1, AclSize 2, AceCount 2, Sbz2 2, ACEs
/// ACE:                 AceType 1, AceFlags 1, AceSize 2, Mask 4, [object ACE: Flags 4, GUIDs], SID
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityDescriptor {
    /// Whose the object is.
    pub owner: Option<Sid>,
    /// Who may do what, the first that decides wins. Without one everything is denied here; Windows would allow
    /// everything, which nobody who names somebody means.
    pub dacl: Option<Vec<Ace>>,
}

/// One entry of a discretionary list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ace {
    /// What it does.
    pub kind: AceKind,
    /// To which rights.
    pub mask: u32,
    /// For whom.
    pub sid: Sid,
}

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AceKind {
    /// It allows.
    Allow,
    /// It denies.
    Deny,
    /// It is for heirs alone, under a condition, or about one property: nothing is allowed by it.
    Other,
}

/// Why bytes are no security descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecurityDescriptor {
    /// Longer than [`SecurityDescriptor::MAX_BYTES`].
    #[error("the security descriptor is too long")]
    TooLong,
    /// The revision is not 1, or it is not self-relative.
    #[error("not a self-relative security descriptor of revision 1")]
    Revision,
    /// An offset or size points outside.
    #[error("the security descriptor is cut off")]
    CutOff,
    /// The list's own numbers contradict one another.
    #[error("the access control list is malformed")]
    List,
}

const SELF_RELATIVE: u16 = 0x8000;
const DACL_PRESENT: u16 = 0x0004;
const INHERIT_ONLY: u8 = 0x08;
const OBJECT_TYPE_PRESENT: u32 = 1;
const INHERITED_OBJECT_TYPE_PRESENT: u32 = 2;
const HEADER: usize = 20;

impl SecurityDescriptor {
    /// The longest that is read, in bytes: a list of 64 KiB, the most that its size can say, and what is around it.
    pub const MAX_BYTES: usize = 66_000;

    /// The right to use an extended right of a directory object (MS-ADTS 5.1.3.2).
    pub const CONTROL_ACCESS: u32 = 0x0000_0100;

    /// Every right of a directory object.
    pub const ALL_RIGHTS: u32 = 0x000f_01ff;

    /// All rights, in whatever kind of object.
    pub const GENERIC_ALL: u32 = 0x1000_0000;

    /// A descriptor that allows these everything, owned by the administrators, as Windows' own tools write it.
    pub fn allowing(sids: impl IntoIterator<Item = Sid>) -> Self {
        let allow = |sid| Ace {
            kind: AceKind::Allow,
            mask: Self::ALL_RIGHTS,
            sid,
        };
        Self {
            owner: Some(Sid::BUILTIN_ADMINISTRATORS),
            dacl: Some(sids.into_iter().map(allow).collect()),
        }
    }

    /// Reads a self-relative descriptor.
    ///
    /// # Errors
    /// [`InvalidSecurityDescriptor`], saying why.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidSecurityDescriptor> {
        use InvalidSecurityDescriptor as Invalid;
        if bytes.len() > Self::MAX_BYTES {
            return Err(Invalid::TooLong);
        }
        let control = u16_at(bytes, 2)?;
        if bytes.first() != Some(&1) || control & SELF_RELATIVE == 0 {
            return Err(Invalid::Revision);
        }
        let owner = match u32_at(bytes, 4)? {
            0 => None,
            offset => Some(sid_at(from(bytes, offset)?)?),
        };
        let dacl = match u32_at(bytes, 16)? {
            offset if offset != 0 && control & DACL_PRESENT != 0 => {
                Some(parse_list(from(bytes, offset)?)?)
            }
            _ => None,
        };
        Ok(Self { owner, dacl })
    }

    /// Writes it, self-relative. What allows nothing by [`AceKind::Other`] is left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut list = Vec::new();
        let mut count = 0_u16;
        for ace in self.dacl.iter().flatten() {
            let kind = match ace.kind {
                AceKind::Allow => 0,
                AceKind::Deny => 1,
                AceKind::Other => continue,
            };
            let sid = ace.sid.to_bytes();
            // A SID has 68 bytes at most.
            let size = 8 + sid.len() as u16;
            if list.len() + usize::from(size) + 8 > usize::from(u16::MAX) {
                break;
            }
            list.extend_from_slice(&[kind, 0]);
            list.extend_from_slice(&size.to_le_bytes());
            list.extend_from_slice(&ace.mask.to_le_bytes());
            list.extend_from_slice(&sid);
            count += 1;
        }
        let owner = self.owner.map(|sid| sid.to_bytes()).unwrap_or_default();
        let offset = |there: bool, at: usize| if there { at as u32 } else { 0 };
        let mut control = SELF_RELATIVE;
        if self.dacl.is_some() {
            control |= DACL_PRESENT;
        }
        let mut out = vec![1, 0];
        out.extend_from_slice(&control.to_le_bytes());
        out.extend_from_slice(&offset(self.owner.is_some(), HEADER).to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        let at = HEADER + owner.len();
        out.extend_from_slice(&offset(self.dacl.is_some(), at).to_le_bytes());
        out.extend_from_slice(&owner);
        if self.dacl.is_some() {
            out.extend_from_slice(&[2, 0]);
            // Below 2^16: the loop above stops there.
            out.extend_from_slice(&(8 + list.len() as u16).to_le_bytes());
            out.extend_from_slice(&count.to_le_bytes());
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&list);
        }
        out
    }

    /// Whether somebody who is all of `sids` has every right of `wanted` (MS-DTYP 2.5.3.2, without what an owner has).
    pub fn allows(&self, wanted: u32, is: impl Fn(&Sid) -> bool) -> bool {
        let mut wanted = wanted;
        for ace in self.dacl.iter().flatten().filter(|ace| is(&ace.sid)) {
            let mask = match ace.mask & Self::GENERIC_ALL {
                0 => ace.mask,
                _ => u32::MAX,
            };
            match ace.kind {
                AceKind::Deny if mask & wanted != 0 => return false,
                AceKind::Allow => wanted &= !mask,
                AceKind::Deny | AceKind::Other => {}
            }
            if wanted == 0 {
                return true;
            }
        }
        false
    }

    /// Whom the list allows anything, each once, in its order.
    #[must_use]
    pub fn allowed(&self) -> Vec<Sid> {
        let mut sids = Vec::new();
        for ace in self.dacl.iter().flatten() {
            if ace.kind == AceKind::Allow && !sids.contains(&ace.sid) {
                sids.push(ace.sid);
            }
        }
        sids
    }
}

fn parse_list(bytes: &[u8]) -> Result<Vec<Ace>, InvalidSecurityDescriptor> {
    use InvalidSecurityDescriptor as Invalid;
    if !matches!(bytes.first(), Some(2 | 4)) {
        return Err(Invalid::List);
    }
    let size = usize::from(u16_at(bytes, 2)?);
    let count = u16_at(bytes, 4)?;
    let mut rest = bytes.get(8..size).ok_or(Invalid::CutOff)?;
    let mut list = Vec::new();
    for _ in 0..count {
        let size = usize::from(u16_at(rest, 2)?);
        let (ace, after) = rest.split_at_checked(size).ok_or(Invalid::CutOff)?;
        if size < 8 {
            return Err(Invalid::List);
        }
        list.push(parse_ace(ace)?);
        rest = after;
    }
    Ok(list)
}

fn parse_ace(bytes: &[u8]) -> Result<Ace, InvalidSecurityDescriptor> {
    let &[kind, flags, ..] = bytes else {
        return Err(InvalidSecurityDescriptor::CutOff);
    };
    let mask = u32_at(bytes, 4)?;
    // The kinds about one property or under a condition have more between mask and SID.
    let object = matches!(kind, 5..=8 | 11 | 12 | 15 | 16);
    let (particular, at) = match object {
        false => (false, 8),
        true => {
            let present = u32_at(bytes, 8)?;
            let guids = [OBJECT_TYPE_PRESENT, INHERITED_OBJECT_TYPE_PRESENT];
            let count = guids.iter().filter(|guid| present & **guid != 0).count();
            (present & OBJECT_TYPE_PRESENT != 0, 12 + 16 * count)
        }
    };
    let bytes = bytes.get(at..).ok_or(InvalidSecurityDescriptor::CutOff)?;
    let kind = match kind {
        _ if flags & INHERIT_ONLY != 0 => AceKind::Other,
        0 => AceKind::Allow,
        5 if !particular => AceKind::Allow,
        // What denies under a condition or for a property denies: better too much than too little.
        1 | 6 | 10 | 12 => AceKind::Deny,
        _ => AceKind::Other,
    };
    let sid = sid_at(bytes)?;
    Ok(Ace { kind, mask, sid })
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, InvalidSecurityDescriptor> {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    let found = found.ok_or(InvalidSecurityDescriptor::CutOff)?;
    Ok(u16::from_le_bytes(*found))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, InvalidSecurityDescriptor> {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    let found = found.ok_or(InvalidSecurityDescriptor::CutOff)?;
    Ok(u32::from_le_bytes(*found))
}

fn from(bytes: &[u8], offset: u32) -> Result<&[u8], InvalidSecurityDescriptor> {
    let offset = usize::try_from(offset).map_err(|_| InvalidSecurityDescriptor::CutOff)?;
    bytes.get(offset..).ok_or(InvalidSecurityDescriptor::CutOff)
}

/// The SID that begins here; its second byte says how long it is.
fn sid_at(bytes: &[u8]) -> Result<Sid, InvalidSecurityDescriptor> {
    let count = bytes.get(1).copied().map(usize::from);
    let length = count.map(|count| 8 + 4 * count);
    length
        .and_then(|length| bytes.get(..length))
        .and_then(|bytes| Sid::from_bytes(bytes).ok())
        .ok_or(InvalidSecurityDescriptor::CutOff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALICE: Sid = Sid::AUTHENTICATED_USERS;
    const BOB: Sid = Sid::LOCAL_SYSTEM;
    const RIGHT: u32 = SecurityDescriptor::CONTROL_ACCESS;

    fn ace(kind: AceKind, mask: u32, sid: Sid) -> Ace {
        Ace { kind, mask, sid }
    }

    fn of(dacl: &[Ace]) -> SecurityDescriptor {
        SecurityDescriptor {
            owner: Some(Sid::BUILTIN_ADMINISTRATORS),
            dacl: Some(dacl.to_vec()),
        }
    }

    /// O:BAD:(A;;0xf01ff;;;S-1-5-18), laid out by hand from MS-DTYP 2.4.6.
    const BY_HAND: [u8; 64] = hex_literal::hex!(
        "0100 0480 14000000 00000000 00000000 24000000"
        "01020000 00000005 20000000 20020000"
        "0200 1c00 0100 0000"
        "0000 1400 ff010f00 0101000000000005 12000000"
    );

    #[test]
    fn a_descriptor_laid_out_by_hand_is_read_and_written() {
        let read = SecurityDescriptor::parse(&BY_HAND).unwrap();
        assert_eq!(read, SecurityDescriptor::allowing([BOB]));
        assert_eq!(read.to_bytes(), BY_HAND);
        assert_eq!(read.allowed(), [BOB]);
    }

    #[test]
    fn the_first_entry_that_decides_wins() {
        let allow = ace(AceKind::Allow, RIGHT, ALICE);
        let deny = ace(AceKind::Deny, RIGHT, ALICE);
        let is_alice = |sid: &Sid| *sid == ALICE;
        assert!(of(&[allow]).allows(RIGHT, is_alice));
        assert!(of(&[allow, deny]).allows(RIGHT, is_alice));
        assert!(!of(&[deny, allow]).allows(RIGHT, is_alice));
        assert!(!of(&[allow]).allows(RIGHT, |sid| *sid == BOB));
        assert!(!of(&[]).allows(RIGHT, is_alice));
        let generic = ace(AceKind::Allow, SecurityDescriptor::GENERIC_ALL, ALICE);
        assert!(of(&[generic]).allows(RIGHT, is_alice));
        let another = ace(AceKind::Allow, RIGHT << 1, ALICE);
        assert!(!of(&[another]).allows(RIGHT, is_alice));
        assert!(!of(&[ace(AceKind::Other, u32::MAX, ALICE)]).allows(RIGHT, is_alice));
    }

    #[test]
    fn a_descriptor_without_a_list_allows_nobody_anything() {
        let without = SecurityDescriptor {
            owner: None,
            dacl: None,
        };
        let read = SecurityDescriptor::parse(&without.to_bytes()).unwrap();
        assert_eq!(read, without);
        assert!(!read.allows(RIGHT, |_| true));
    }

    #[test]
    fn what_is_for_heirs_or_one_property_allows_nothing_and_what_denies_denies() {
        let with = |kind: u8, flags: u8| {
            let mut bytes = BY_HAND;
            (bytes[44], bytes[45]) = (kind, flags);
            SecurityDescriptor::parse(&bytes).map(|read| read.dacl.unwrap()[0].kind)
        };
        assert_eq!(with(0, 0), Ok(AceKind::Allow));
        assert_eq!(with(0, INHERIT_ONLY), Ok(AceKind::Other));
        assert_eq!(with(1, 0), Ok(AceKind::Deny));
        assert_eq!(with(9, 0), Ok(AceKind::Other));
        assert_eq!(with(10, 0), Ok(AceKind::Deny));
        // An object entry has its flags where this one has its SID.
        assert!(with(5, 0).is_err());
    }

    #[test]
    fn refuses_what_is_cut_off_and_what_contradicts_itself() {
        for length in 0..BY_HAND.len() {
            assert!(
                SecurityDescriptor::parse(&BY_HAND[..length]).is_err(),
                "{length}"
            );
        }
        let with = |at: usize, value: u8| {
            let mut bytes = BY_HAND;
            bytes[at] = value;
            SecurityDescriptor::parse(&bytes)
        };
        assert_eq!(with(0, 2), Err(InvalidSecurityDescriptor::Revision));
        assert_eq!(with(3, 0), Err(InvalidSecurityDescriptor::Revision));
        assert_eq!(with(36, 3), Err(InvalidSecurityDescriptor::List));
        assert_eq!(with(40, 2), Err(InvalidSecurityDescriptor::CutOff));
        assert_eq!(with(46, 4), Err(InvalidSecurityDescriptor::List));
        let long = vec![1; SecurityDescriptor::MAX_BYTES + 1];
        let refused = SecurityDescriptor::parse(&long);
        assert_eq!(refused, Err(InvalidSecurityDescriptor::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SecurityDescriptor::parse(&bytes);
        }

        #[test]
        fn a_damaged_descriptor_never_panics(at in 0usize..BY_HAND.len(), value: u8) {
            let mut bytes = BY_HAND;
            bytes[at] = value;
            let _ = SecurityDescriptor::parse(&bytes);
        }
    }
}
