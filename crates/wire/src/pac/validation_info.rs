//! KERB_VALIDATION_INFO (MS-PAC 2.5): who the client is, and its groups.

use super::{NEVER, StringTooLong};
use crate::ndr::{InvalidNdr, Reader, Utf16, Writer};
use crate::sid::Sid;

/// Attributes of group membership (MS-PAC 2.2.1).
pub mod group {
    /// The membership cannot be switched off.
    pub const MANDATORY: u32 = 0x1;
    /// The membership is in force by default.
    pub const ENABLED_BY_DEFAULT: u32 = 0x2;
    /// The membership is in force.
    pub const ENABLED: u32 = 0x4;
    /// The group is local to the resource's domain.
    pub const RESOURCE: u32 = 0x2000_0000;
    /// What an ordinary membership has.
    pub const DEFAULT: u32 = MANDATORY | ENABLED_BY_DEFAULT | ENABLED;
}

/// Flags of a logon (MS-PAC 2.5, UserFlags).
pub mod user_flags {
    /// ExtraSids is filled in.
    pub const EXTRA_SIDS: u32 = 0x20;
    /// ResourceGroupIds is filled in.
    pub const RESOURCE_GROUPS: u32 = 0x200;
}

/// GROUP_MEMBERSHIP (MS-PAC 2.2.2): a group of the logon domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupMembership {
    /// The group's RID.
    pub relative_id: u32,
    /// Attributes of [`group`].
    pub attributes: u32,
}

/// KERB_SID_AND_ATTRIBUTES (MS-PAC 2.2.1): any other group or well-known identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SidAndAttributes {
    /// The SID.
    pub sid: Sid,
    /// Attributes of [`group`].
    pub attributes: u32,
}

/// KERB_VALIDATION_INFO (MS-PAC 2.5). Times are FILETIMEs; [`NEVER`] stands for "not at all".
///
/// ```text
/// typedef struct _KERB_VALIDATION_INFO {
///   FILETIME LogonTime, LogoffTime, KickOffTime, PasswordLastSet, PasswordCanChange, PasswordMustChange;
///   RPC_UNICODE_STRING EffectiveName, FullName, LogonScript, ProfilePath, HomeDirectory, HomeDirectoryDrive;
///   USHORT LogonCount, BadPasswordCount;
///   ULONG UserId, PrimaryGroupId, GroupCount;
///   [size_is(GroupCount)] PGROUP_MEMBERSHIP GroupIds;
///   ULONG UserFlags;
///   USER_SESSION_KEY UserSessionKey;
///   RPC_UNICODE_STRING LogonServer, LogonDomainName;
///   PISID LogonDomainId;
///   ULONG Reserved1[2], UserAccountControl, SubAuthStatus;
///   FILETIME LastSuccessfulILogon, LastFailedILogon;
///   ULONG FailedILogonCount, Reserved3, SidCount;
///   [size_is(SidCount)] PKERB_SID_AND_ATTRIBUTES ExtraSids;
///   PISID ResourceGroupDomainSid;
///   ULONG ResourceGroupCount;
///   [size_is(ResourceGroupCount)] PGROUP_MEMBERSHIP ResourceGroupIds;
/// } KERB_VALIDATION_INFO;
/// ```
///
/// UserSessionKey and the reserved members are written as zero and not kept: Kerberos does not use them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationInfo {
    /// lastLogon of the account.
    pub logon_time: u64,
    /// When the session ends: [`NEVER`].
    pub logoff_time: u64,
    /// When the session is ended by force: [`NEVER`].
    pub kick_off_time: u64,
    /// pwdLastSet of the account; 0 when the password must change at next logon.
    pub password_last_set: u64,
    /// When the password may be changed.
    pub password_can_change: u64,
    /// When the password expires.
    pub password_must_change: u64,
    /// sAMAccountName.
    pub effective_name: String,
    /// displayName.
    pub full_name: String,
    /// scriptPath.
    pub logon_script: String,
    /// profilePath.
    pub profile_path: String,
    /// homeDirectory.
    pub home_directory: String,
    /// homeDrive.
    pub home_directory_drive: String,
    /// logonCount.
    pub logon_count: u16,
    /// badPwdCount.
    pub bad_password_count: u16,
    /// The account's RID.
    pub user_id: u32,
    /// primaryGroupID.
    pub primary_group_id: u32,
    /// Groups of the logon domain, the primary group among them.
    pub group_ids: Vec<GroupMembership>,
    /// Flags of [`user_flags`].
    pub user_flags: u32,
    /// The NetBIOS name of the KDC.
    pub logon_server: String,
    /// The NetBIOS name of the domain.
    pub logon_domain_name: String,
    /// The domain's SID, which makes SIDs of the RIDs above.
    pub logon_domain_id: Option<Sid>,
    /// The account's control bits as SAM has them, USER_ACCOUNT (MS-SAMR 2.2.1.12).
    pub user_account_control: u32,
    /// A subauthentication package's status: 0.
    pub sub_auth_status: u32,
    /// The last interactive logon.
    pub last_successful_interactive_logon: u64,
    /// The last failed interactive logon.
    pub last_failed_interactive_logon: u64,
    /// Failed interactive logons since the last successful one.
    pub failed_interactive_logon_count: u32,
    /// Groups of other domains and well-known identities, such as [`Sid::KEY_TRUST_IDENTITY`].
    pub extra_sids: Vec<SidAndAttributes>,
    /// The domain of the resource groups.
    pub resource_group_domain_sid: Option<Sid>,
    /// Groups local to the resource's domain.
    pub resource_group_ids: Vec<GroupMembership>,
}

impl ValidationInfo {
    /// An account that never logged on, whose password never changes and never must, without any group.
    #[must_use]
    pub fn new(
        effective_name: &str,
        domain: Sid,
        user_id: u32,
        primary_group_id: u32,
    ) -> ValidationInfo {
        ValidationInfo {
            logon_time: 0,
            logoff_time: NEVER,
            kick_off_time: NEVER,
            password_last_set: 0,
            password_can_change: 0,
            password_must_change: NEVER,
            effective_name: effective_name.to_owned(),
            full_name: String::new(),
            logon_script: String::new(),
            profile_path: String::new(),
            home_directory: String::new(),
            home_directory_drive: String::new(),
            logon_count: 0,
            bad_password_count: 0,
            user_id,
            primary_group_id,
            group_ids: Vec::new(),
            user_flags: 0,
            logon_server: String::new(),
            logon_domain_name: String::new(),
            logon_domain_id: Some(domain),
            user_account_control: 0,
            sub_auth_status: 0,
            last_successful_interactive_logon: 0,
            last_failed_interactive_logon: 0,
            failed_interactive_logon_count: 0,
            extra_sids: Vec::new(),
            resource_group_domain_sid: None,
            resource_group_ids: Vec::new(),
        }
    }

    /// The account's SID: domain and RID.
    #[must_use]
    pub fn user_sid(&self) -> Option<Sid> {
        self.logon_domain_id?.with_rid(self.user_id)
    }

    /// Every SID of the logon: the account, its groups, the extra ones, the resource groups.
    pub fn sids(&self) -> impl Iterator<Item = Sid> {
        let of = |domain: Option<Sid>, rid: u32| domain.and_then(|domain| domain.with_rid(rid));
        let groups = self
            .group_ids
            .iter()
            .filter_map(move |g| of(self.logon_domain_id, g.relative_id));
        let resource = self
            .resource_group_ids
            .iter()
            .filter_map(move |g| of(self.resource_group_domain_sid, g.relative_id));
        let extra = self.extra_sids.iter().map(|extra| extra.sid);
        self.user_sid()
            .into_iter()
            .chain(groups)
            .chain(extra)
            .chain(resource)
    }

    /// Writes the buffer.
    ///
    /// # Errors
    /// [`StringTooLong`] when a string has more than 32766 code units.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StringTooLong> {
        let text = |text: &str| Utf16::new(text).ok_or(StringTooLong);
        let names = [
            text(&self.effective_name)?,
            text(&self.full_name)?,
            text(&self.logon_script)?,
            text(&self.profile_path)?,
            text(&self.home_directory)?,
            text(&self.home_directory_drive)?,
        ];
        let logon_server = text(&self.logon_server)?.with_room_for_terminator();
        let logon_domain_name = text(&self.logon_domain_name)?.with_room_for_terminator();

        let mut writer = Writer::new();
        for time in [
            self.logon_time,
            self.logoff_time,
            self.kick_off_time,
            self.password_last_set,
            self.password_can_change,
            self.password_must_change,
        ] {
            writer.filetime(time);
        }
        names.iter().for_each(|name| writer.string_head(name));
        writer.u16(self.logon_count);
        writer.u16(self.bad_password_count);
        writer.u32(self.user_id);
        writer.u32(self.primary_group_id);
        writer.u32(self.group_ids.len() as u32);
        writer.pointer(!self.group_ids.is_empty());
        writer.u32(self.user_flags);
        writer.raw(&[0; 16]); // UserSessionKey
        writer.string_head(&logon_server);
        writer.string_head(&logon_domain_name);
        writer.pointer(self.logon_domain_id.is_some());
        writer.raw(&[0; 8]); // Reserved1
        writer.u32(self.user_account_control);
        writer.u32(self.sub_auth_status);
        writer.filetime(self.last_successful_interactive_logon);
        writer.filetime(self.last_failed_interactive_logon);
        writer.u32(self.failed_interactive_logon_count);
        writer.u32(0); // Reserved3
        writer.u32(self.extra_sids.len() as u32);
        writer.pointer(!self.extra_sids.is_empty());
        writer.pointer(self.resource_group_domain_sid.is_some());
        writer.u32(self.resource_group_ids.len() as u32);
        writer.pointer(!self.resource_group_ids.is_empty());

        names.iter().for_each(|name| writer.string_body(name));
        write_groups(&mut writer, &self.group_ids);
        writer.string_body(&logon_server);
        writer.string_body(&logon_domain_name);
        self.logon_domain_id
            .iter()
            .for_each(|sid| writer.sid_body(sid));
        if !self.extra_sids.is_empty() {
            writer.u32(self.extra_sids.len() as u32);
            for extra in &self.extra_sids {
                writer.pointer(true);
                writer.u32(extra.attributes);
            }
            self.extra_sids
                .iter()
                .for_each(|extra| writer.sid_body(&extra.sid));
        }
        self.resource_group_domain_sid
            .iter()
            .for_each(|sid| writer.sid_body(sid));
        write_groups(&mut writer, &self.resource_group_ids);
        Ok(writer.finish())
    }

    /// Reads the buffer.
    ///
    /// # Errors
    /// [`InvalidNdr`] with what is wrong. Counts are checked against what is there before anything is allocated.
    pub fn parse(bytes: &[u8]) -> Result<ValidationInfo, InvalidNdr> {
        let mut reader = Reader::new(bytes)?;
        let r = &mut reader;

        // The members in order, pointers as promises.
        let mut times = [0; 6];
        for time in &mut times {
            *time = r.filetime()?;
        }
        let [
            logon_time,
            logoff_time,
            kick_off_time,
            password_last_set,
            password_can_change,
            password_must_change,
        ] = times;
        let names = [
            r.string_head()?,
            r.string_head()?,
            r.string_head()?,
            r.string_head()?,
            r.string_head()?,
            r.string_head()?,
        ];
        let logon_count = r.u16()?;
        let bad_password_count = r.u16()?;
        let user_id = r.u32()?;
        let primary_group_id = r.u32()?;
        let group_count = r.u32()?;
        let has_groups = r.pointer()?;
        let user_flags = r.u32()?;
        r.take(16)?; // UserSessionKey
        let logon_server = r.string_head()?;
        let logon_domain_name = r.string_head()?;
        let has_logon_domain = r.pointer()?;
        r.take(8)?; // Reserved1
        let user_account_control = r.u32()?;
        let sub_auth_status = r.u32()?;
        let last_successful_interactive_logon = r.filetime()?;
        let last_failed_interactive_logon = r.filetime()?;
        let failed_interactive_logon_count = r.u32()?;
        r.u32()?; // Reserved3
        let sid_count = r.u32()?;
        let has_extra_sids = r.pointer()?;
        let has_resource_domain = r.pointer()?;
        let resource_group_count = r.u32()?;
        let has_resource_groups = r.pointer()?;

        // What the pointers point to, in their order.
        let [name_1, name_2, name_3, name_4, name_5, name_6] = names;
        let info = ValidationInfo {
            logon_time,
            logoff_time,
            kick_off_time,
            password_last_set,
            password_can_change,
            password_must_change,
            effective_name: r.string_body(name_1)?,
            full_name: r.string_body(name_2)?,
            logon_script: r.string_body(name_3)?,
            profile_path: r.string_body(name_4)?,
            home_directory: r.string_body(name_5)?,
            home_directory_drive: r.string_body(name_6)?,
            logon_count,
            bad_password_count,
            user_id,
            primary_group_id,
            group_ids: read_groups(r, has_groups, group_count)?,
            user_flags,
            logon_server: r.string_body(logon_server)?,
            logon_domain_name: r.string_body(logon_domain_name)?,
            logon_domain_id: if has_logon_domain {
                Some(r.sid_body()?)
            } else {
                None
            },
            user_account_control,
            sub_auth_status,
            last_successful_interactive_logon,
            last_failed_interactive_logon,
            failed_interactive_logon_count,
            extra_sids: read_extra_sids(r, has_extra_sids, sid_count)?,
            resource_group_domain_sid: if has_resource_domain {
                Some(r.sid_body()?)
            } else {
                None
            },
            resource_group_ids: read_groups(r, has_resource_groups, resource_group_count)?,
        };
        reader.finish()?;
        Ok(info)
    }
}

fn write_groups(writer: &mut Writer, groups: &[GroupMembership]) {
    if groups.is_empty() {
        return;
    }
    writer.u32(groups.len() as u32);
    for group in groups {
        writer.u32(group.relative_id);
        writer.u32(group.attributes);
    }
}

fn read_groups(
    reader: &mut Reader<'_>,
    present: bool,
    count: u32,
) -> Result<Vec<GroupMembership>, InvalidNdr> {
    Ok(reader
        .array_of_pairs(present, count)?
        .map(|(relative_id, attributes)| GroupMembership {
            relative_id,
            attributes,
        })
        .collect())
}

fn read_extra_sids(
    reader: &mut Reader<'_>,
    present: bool,
    count: u32,
) -> Result<Vec<SidAndAttributes>, InvalidNdr> {
    let heads = reader.array_of_pairs(present, count)?;
    let mut sids = Vec::new();
    for (pointer, attributes) in heads {
        if pointer == 0 {
            return Err(InvalidNdr::Null);
        }
        sids.push(SidAndAttributes {
            sid: reader.sid_body()?,
            attributes,
        });
    }
    Ok(sids)
}
