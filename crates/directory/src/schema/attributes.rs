//! The attributes, one row each. Names and OIDs are Active Directory's ([MS-ADA1] to [MS-ADA3],
//! protocols B.8, D.1); our own stand under 2.25, the arc of UUIDs.

use super::{AttributeRow, Exposure, Index, Syntax};

macro_rules! attributes {
    ($($(#[$doc:meta])* $number:literal $variant:ident = $name:literal, $oid:literal, $syntax:ident, $arity:ident $(, $flag:ident)*;)*) => {
        /// An attribute of the schema.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u16)]
        pub enum Attribute {
            $($(#[$doc])* #[doc = concat!("`", $name, "`, ", $oid, ".")] $variant = $number,)*
        }

        /// Every attribute, in the order of their numbers.
        pub const ALL: &[AttributeRow] = &[
            $(row(Attribute::$variant, $name, $oid, Syntax::$syntax, Arity::$arity, &[$(Flag::$flag),*]),)*
        ];
    };
}

#[derive(PartialEq)]
enum Arity {
    Single,
    Multi,
}

enum Flag {
    Unique,
    Listed,
    Linked,
    Confidential,
    Never,
    System,
    Constructed,
    Operational,
}

const fn row(
    attribute: Attribute,
    name: &'static str,
    oid: &'static str,
    syntax: Syntax,
    arity: Arity,
    flags: &[Flag],
) -> AttributeRow {
    let mut row = AttributeRow {
        attribute,
        name,
        oid,
        syntax,
        single: matches!(arity, Arity::Single),
        index: Index::None,
        exposure: Exposure::Open,
        system: false,
        constructed: false,
        operational: false,
    };
    let mut position = 0;
    while position < flags.len() {
        match flags[position] {
            Flag::Unique => row.index = Index::Unique,
            Flag::Listed => row.index = Index::Listed,
            Flag::Linked => row.index = Index::Linked,
            Flag::Confidential => row.exposure = Exposure::Confidential,
            Flag::Never => row.exposure = Exposure::Never,
            Flag::System => row.system = true,
            Flag::Constructed => {
                row.system = true;
                row.constructed = true;
            }
            Flag::Operational => row.operational = true,
        }
        position += 1;
    }
    row
}

attributes! {
    /// What is stored are auxiliary classes alone; the structural ones are [`crate::Entry::class`]'s.
    1 ObjectClass = "objectClass", "2.5.4.0", DirectoryString, Multi;
    2 ObjectGuid = "objectGUID", "1.2.840.113556.1.4.2", OctetString, Single, Constructed;
    3 DistinguishedName = "distinguishedName", "2.5.4.49", DistinguishedName, Single, Constructed;
    4 Name = "name", "1.2.840.113556.1.4.1", DirectoryString, Single, Constructed;
    5 WhenCreated = "whenCreated", "1.2.840.113556.1.2.2", GeneralizedTime, Single, Constructed;
    6 WhenChanged = "whenChanged", "1.2.840.113556.1.2.3", GeneralizedTime, Single, Constructed;
    7 ObjectSid = "objectSid", "1.2.840.113556.1.4.146", Sid, Single, Unique, System;
    8 Cn = "cn", "2.5.4.3", DirectoryString, Single, Constructed;
    9 Ou = "ou", "2.5.4.11", DirectoryString, Single, Constructed;
    10 Dc = "dc", "0.9.2342.19200300.100.1.25", DirectoryString, Single, Constructed;
    11 Description = "description", "2.5.4.13", DirectoryString, Multi;
    12 DisplayName = "displayName", "1.2.840.113556.1.2.13", DirectoryString, Single;
    13 IsCriticalSystemObject = "isCriticalSystemObject", "1.2.840.113556.1.4.868", Boolean, Single, System;

    20 SamAccountName = "sAMAccountName", "1.2.840.113556.1.4.221", DirectoryString, Single, Unique;
    21 SamAccountType = "sAMAccountType", "1.2.840.113556.1.4.302", Integer, Single, System;
    22 UserPrincipalName = "userPrincipalName", "1.2.840.113556.1.4.656", DirectoryString, Single, Unique;
    23 ServicePrincipalName = "servicePrincipalName", "1.2.840.113556.1.4.771", DirectoryString, Multi, Unique;
    24 UserAccountControl = "userAccountControl", "1.2.840.113556.1.4.8", Integer, Single;
    /// Never is [`trust::Timestamp::NEVER`], AD's 0 and 2^63-1.
    25 AccountExpires = "accountExpires", "1.2.840.113556.1.4.159", FileTime, Single;
    /// [`crate::account::MUST_CHANGE`], AD's 0, means that the password must be changed.
    26 PwdLastSet = "pwdLastSet", "1.2.840.113556.1.4.96", FileTime, Single;
    27 LockoutTime = "lockoutTime", "1.2.840.113556.1.4.662", FileTime, Single;
    28 PrimaryGroupId = "primaryGroupID", "1.2.840.113556.1.4.98", Integer, Single;
    29 MsDsSupportedEncryptionTypes = "msDS-SupportedEncryptionTypes", "1.2.840.113556.1.4.1963", Integer, Single;
    30 MsDsKeyVersionNumber = "msDS-KeyVersionNumber", "1.2.840.113556.1.4.1782", Integer, Single, System;
    31 DnsHostName = "dNSHostName", "1.2.840.113556.1.4.619", DirectoryString, Single;
    32 MsDsCreatorSid = "mS-DS-CreatorSID", "1.2.840.113556.1.4.1410", Sid, Single, Listed, System;
    33 AltSecurityIdentities = "altSecurityIdentities", "1.2.840.113556.1.4.867", DirectoryString, Multi, Listed;
    34 UserCertificate = "userCertificate", "2.5.4.36", OctetString, Multi;
    35 OperatingSystem = "operatingSystem", "1.2.840.113556.1.4.363", DirectoryString, Single;
    36 OperatingSystemVersion = "operatingSystemVersion", "1.2.840.113556.1.4.364", DirectoryString, Single;
    37 Mail = "mail", "0.9.2342.19200300.100.1.3", DirectoryString, Single, Listed;
    38 GivenName = "givenName", "2.5.4.42", DirectoryString, Single;
    39 Surname = "sn", "2.5.4.4", DirectoryString, Single;
    40 TelephoneNumber = "telephoneNumber", "2.5.4.20", DirectoryString, Single;
    /// The services to which the account may pass on who came to it (MS-SFU 3.2.5.2).
    41 MsDsAllowedToDelegateTo = "msDS-AllowedToDelegateTo", "1.2.840.113556.1.4.1787", DirectoryString, Multi;
    /// A security descriptor: who may pass on to the account whom (MS-SFU 3.2.5.2).
    42 MsDsAllowedToActOnBehalfOfOtherIdentity = "msDS-AllowedToActOnBehalfOfOtherIdentity", "1.2.840.113556.1.4.2182", OctetString, Single;

    50 GroupType = "groupType", "1.2.840.113556.1.4.750", Integer, Single;
    51 Member = "member", "2.5.4.31", DistinguishedName, Multi, Linked;
    52 MemberOf = "memberOf", "1.2.840.113556.1.2.102", DistinguishedName, Multi, Linked, Constructed;
    53 MsDsKeyCredentialLink = "msDS-KeyCredentialLink", "1.2.840.113556.1.4.2328", DnBinary, Multi, Linked;

    60 MsDsMachineAccountQuota = "ms-DS-MachineAccountQuota", "1.2.840.113556.1.4.1411", Integer, Single;
    61 LockoutDuration = "lockoutDuration", "1.2.840.113556.1.4.60", LargeInteger, Single;
    62 LockoutObservationWindow = "lockOutObservationWindow", "1.2.840.113556.1.4.61", LargeInteger, Single;
    63 LockoutThreshold = "lockoutThreshold", "1.2.840.113556.1.4.73", Integer, Single;
    64 MaxPwdAge = "maxPwdAge", "1.2.840.113556.1.4.74", LargeInteger, Single;
    65 MinPwdAge = "minPwdAge", "1.2.840.113556.1.4.78", LargeInteger, Single;
    66 MinPwdLength = "minPwdLength", "1.2.840.113556.1.4.79", Integer, Single;
    67 PwdHistoryLength = "pwdHistoryLength", "1.2.840.113556.1.4.95", Integer, Single;
    68 NetBiosName = "nETBIOSName", "1.2.840.113556.1.4.87", DirectoryString, Single, System;
    69 GpLink = "gPLink", "1.2.840.113556.1.4.891", DirectoryString, Single;
    70 VersionNumber = "versionNumber", "1.2.840.113556.1.4.141", Integer, Single;

    80 MsDsDeviceId = "msDS-DeviceID", "1.2.840.113556.1.4.2252", OctetString, Single, Unique;
    81 MsDsDeviceOsType = "msDS-DeviceOSType", "1.2.840.113556.1.4.2249", DirectoryString, Single;
    82 MsDsDeviceOsVersion = "msDS-DeviceOSVersion", "1.2.840.113556.1.4.2250", DirectoryString, Single;
    83 MsDsDevicePhysicalIds = "msDS-DevicePhysicalIDs", "1.2.840.113556.1.4.2251", OctetString, Multi;
    84 MsDsDeviceObjectVersion = "msDS-DeviceObjectVersion", "1.2.840.113556.1.4.2257", Integer, Single;
    85 MsDsRegisteredOwner = "msDS-RegisteredOwner", "1.2.840.113556.1.4.2258", Sid, Single, Listed;
    86 MsDsRegisteredUsers = "msDS-RegisteredUsers", "1.2.840.113556.1.4.2263", Sid, Multi, Listed;
    87 MsDsIsEnabled = "msDS-IsEnabled", "1.2.840.113556.1.4.2248", Boolean, Single;
    88 MsDsDeviceTrustType = "msDS-DeviceTrustType", "1.2.840.113556.1.4.2325", Integer, Single;
    89 MsDsCloudIsManaged = "msDS-CloudIsManaged", "1.2.840.113556.1.4.2271", Boolean, Single;
    90 MsDsIsManaged = "msDS-IsManaged", "1.2.840.113556.1.4.2270", Boolean, Single;
    91 MsDsIsCompliant = "msDS-IsCompliant", "1.2.840.113556.1.4.2314", Boolean, Single;
    92 MsDsCloudAnchor = "msDS-CloudAnchor", "1.2.840.113556.1.4.2273", OctetString, Single;
    93 MsDsApproximateLastLogonTimeStamp = "msDS-ApproximateLastLogonTimeStamp", "1.2.840.113556.1.4.2262", FileTime, Single;

    100 MsDsRegistrationQuota = "msDS-RegistrationQuota", "1.2.840.113556.1.4.2241", Integer, Single;
    101 MsDsMaximumRegistrationInactivityPeriod = "msDS-MaximumRegistrationInactivityPeriod", "1.2.840.113556.1.4.2242", Integer, Single;
    102 MsDsDeviceLocation = "msDS-DeviceLocation", "1.2.840.113556.1.4.2261", DistinguishedName, Single;
    103 MsDsIssuerCertificates = "msDS-IssuerCertificates", "1.2.840.113556.1.4.2240", OctetString, Multi, Confidential;
    104 MsDsIssuerPublicCertificates = "msDS-IssuerPublicCertificates", "1.2.840.113556.1.4.2269", OctetString, Multi;
    105 Keywords = "keywords", "1.2.840.113556.1.4.48", DirectoryString, Multi;
    106 ServiceBindingInformation = "serviceBindingInformation", "1.2.840.113556.1.4.510", DirectoryString, Multi;
    107 ServiceClassName = "serviceClassName", "1.2.840.113556.1.4.509", DirectoryString, Single;
    108 ServiceDnsName = "serviceDNSName", "1.2.840.113556.1.4.657", DirectoryString, Single;
    109 CaCertificate = "cACertificate", "2.5.4.37", OctetString, Multi;

    /// All Kerberos keys, encoded by `account::kerberos`.
    120 SupplementalCredentials = "supplementalCredentials", "1.2.840.113556.1.4.125", Secret, Single, Never;
    /// The Argon2id hash for sign-in by password on a page.
    121 PasswordHash = "keyporch-PasswordHash", "2.25.273814406110187392011804541853163530301", Secret, Single, Never;
    /// Digests of former passwords under one salt.
    122 PasswordHistory = "keyporch-PasswordHistory", "2.25.273814406110187392011804541853163530302", Secret, Single, Never;
    /// Secrets of second factors, one value each; the adapter's encoding.
    123 SecondFactor = "keyporch-SecondFactor", "2.25.273814406110187392011804541853163530303", Secret, Multi, Never;
    /// A policy object's settings as JSON.
    124 PolicyDocument = "keyporch-PolicyDocument", "2.25.273814406110187392011804541853163530304", DirectoryString, Single;

    // What people's entries have in Active Directory, and Linux asks for (RFC 2307).
    130 Title = "title", "2.5.4.12", DirectoryString, Single;
    131 Department = "department", "1.2.840.113556.1.2.141", DirectoryString, Single;
    132 Company = "company", "1.2.840.113556.1.2.146", DirectoryString, Single;
    133 Manager = "manager", "0.9.2342.19200300.100.1.10", DistinguishedName, Single, Listed;
    134 PhysicalDeliveryOfficeName = "physicalDeliveryOfficeName", "2.5.4.19", DirectoryString, Single;
    135 StreetAddress = "streetAddress", "1.2.840.113556.1.2.256", DirectoryString, Single;
    136 LocalityName = "l", "2.5.4.7", DirectoryString, Single;
    137 StateOrProvinceName = "st", "2.5.4.8", DirectoryString, Single;
    138 PostalCode = "postalCode", "2.5.4.17", DirectoryString, Single;
    139 PostOfficeBox = "postOfficeBox", "2.5.4.18", DirectoryString, Multi;
    140 CountryName = "c", "2.5.4.6", DirectoryString, Single;
    141 TextCountry = "co", "1.2.840.113556.1.2.131", DirectoryString, Single;
    142 CountryCode = "countryCode", "1.2.840.113556.1.4.25", Integer, Single;
    143 Mobile = "mobile", "0.9.2342.19200300.100.1.41", DirectoryString, Single;
    144 HomePhone = "homePhone", "0.9.2342.19200300.100.1.20", DirectoryString, Single;
    145 Pager = "pager", "0.9.2342.19200300.100.1.42", DirectoryString, Single;
    146 FacsimileTelephoneNumber = "facsimileTelephoneNumber", "2.5.4.23", DirectoryString, Single;
    147 IpPhone = "ipPhone", "1.2.840.113556.1.4.721", DirectoryString, Single;
    148 Info = "info", "1.2.840.113556.1.2.81", DirectoryString, Single;
    149 Initials = "initials", "2.5.4.43", DirectoryString, Single;
    150 EmployeeId = "employeeID", "1.2.840.113556.1.4.35", DirectoryString, Single;
    151 EmployeeNumber = "employeeNumber", "1.2.840.113556.1.2.610", DirectoryString, Single;
    152 EmployeeType = "employeeType", "1.2.840.113556.1.2.613", DirectoryString, Single;
    153 WwwHomePage = "wWWHomePage", "1.2.840.113556.1.2.464", DirectoryString, Single;
    154 Url = "url", "1.2.840.113556.1.4.749", DirectoryString, Multi;
    155 HomeDirectory = "homeDirectory", "1.2.840.113556.1.4.44", DirectoryString, Single;
    156 HomeDrive = "homeDrive", "1.2.840.113556.1.4.45", DirectoryString, Single;
    157 ProfilePath = "profilePath", "1.2.840.113556.1.4.139", DirectoryString, Single;
    158 ScriptPath = "scriptPath", "1.2.840.113556.1.4.62", DirectoryString, Single;
    159 UserWorkstations = "userWorkstations", "1.2.840.113556.1.4.86", DirectoryString, Single;
    160 ProxyAddresses = "proxyAddresses", "1.2.840.113556.1.2.210", DirectoryString, Multi, Listed;
    161 ThumbnailPhoto = "thumbnailPhoto", "2.16.840.1.113730.3.1.35", OctetString, Single;
    162 JpegPhoto = "jpegPhoto", "0.9.2342.19200300.100.1.60", OctetString, Multi;
    163 PreferredLanguage = "preferredLanguage", "2.16.840.1.113730.3.1.39", DirectoryString, Single;
    164 ManagedBy = "managedBy", "1.2.840.113556.1.4.653", DistinguishedName, Single, Listed;
    165 Location = "location", "1.2.840.113556.1.4.222", DirectoryString, Single;
    166 UidNumber = "uidNumber", "1.3.6.1.1.1.1.0", Integer, Single, Listed;
    167 GidNumber = "gidNumber", "1.3.6.1.1.1.1.1", Integer, Single, Listed;
    168 Gecos = "gecos", "1.3.6.1.1.1.1.2", DirectoryString, Single;
    169 UnixHomeDirectory = "unixHomeDirectory", "1.3.6.1.1.1.1.3", DirectoryString, Single;
    170 LoginShell = "loginShell", "1.3.6.1.1.1.1.4", DirectoryString, Single;
    171 MemberUid = "memberUid", "1.3.6.1.1.1.1.12", DirectoryString, Multi, Listed;
    172 Uid = "uid", "0.9.2342.19200300.100.1.1", DirectoryString, Multi, Listed;
    173 MsSfu30Name = "msSFU30Name", "1.2.840.113556.1.6.18.1.309", DirectoryString, Single;
    174 MsSfu30NisDomain = "msSFU30NisDomain", "1.2.840.113556.1.6.18.1.339", DirectoryString, Single;
    175 CodePage = "codePage", "1.2.840.113556.1.4.16", Integer, Single;
    /// Who may do what with what is below the entry ([`crate::delegation`]).
    176 DelegatedRights = "keyporch-DelegatedRights", "2.25.273814406110187392011804541853163530305", DirectoryString, Multi, Listed;

    // What says which naming contexts and servers there are (`crate::well_known::forest`).
    177 SystemFlags = "systemFlags", "1.2.840.113556.1.4.375", Integer, Single, System;
    178 NcName = "nCName", "1.2.840.113556.1.2.16", DistinguishedName, Single, System;
    179 DnsRoot = "dnsRoot", "1.2.840.113556.1.4.28", DirectoryString, Multi, System;
    180 ServerReference = "serverReference", "1.2.840.113556.1.4.515", DistinguishedName, Single, System;
    181 HasMasterNcs = "hasMasterNCs", "1.2.840.113556.1.2.14", DistinguishedName, Multi, System;
    /// The number of the commit that added the entry, on the node that made it, as [`Attribute::UsnChanged`] is of the last
    /// one. Entries that an older version added have none.
    182 UsnCreated = "uSNCreated", "1.2.840.113556.1.2.19", LargeInteger, Single, System;

    // What is worked out when it is asked for.
    200 ObjectCategory = "objectCategory", "1.2.840.113556.1.4.782", DirectoryString, Single, Constructed;
    201 InstanceType = "instanceType", "1.2.840.113556.1.2.1", Integer, Single, Constructed;
    202 UsnChanged = "uSNChanged", "1.2.840.113556.1.2.120", LargeInteger, Single, Constructed;
    203 BadPwdCount = "badPwdCount", "1.2.840.113556.1.4.12", Integer, Single, Constructed;
    204 BadPasswordTime = "badPasswordTime", "1.2.840.113556.1.4.49", FileTime, Single, Constructed;
    205 LastLogon = "lastLogon", "1.2.840.113556.1.4.52", FileTime, Single, Constructed;
    206 CanonicalName = "canonicalName", "1.2.840.113556.1.4.916", DirectoryString, Single, Constructed, Operational;
    207 TokenGroups = "tokenGroups", "1.2.840.113556.1.4.1301", Sid, Multi, Constructed, Operational;
    208 CreateTimeStamp = "createTimeStamp", "2.5.18.1", GeneralizedTime, Single, Constructed, Operational;
    209 ModifyTimeStamp = "modifyTimeStamp", "2.5.18.2", GeneralizedTime, Single, Constructed, Operational;
    210 SubSchemaSubEntry = "subSchemaSubEntry", "2.5.18.10", DirectoryString, Single, Constructed, Operational;
    211 StructuralObjectClass = "structuralObjectClass", "2.5.21.9", DirectoryString, Multi, Constructed, Operational;
    212 MsDsUserAccountControlComputed = "msDS-User-Account-Control-Computed", "1.2.840.113556.1.4.1460", Integer, Single, Constructed, Operational;
    213 PrimaryGroupToken = "primaryGroupToken", "1.2.840.113556.1.4.1412", Integer, Single, Constructed, Operational;
    214 DirectReports = "directReports", "1.2.840.113556.1.2.436", DistinguishedName, Multi, Constructed;
    215 ManagedObjects = "managedObjects", "1.2.840.113556.1.4.654", DistinguishedName, Multi, Constructed;
    216 IsDeleted = "isDeleted", "1.2.840.113556.1.2.48", Boolean, Single, Constructed;
    217 LastKnownParent = "lastKnownParent", "1.2.840.113556.1.4.781", DistinguishedName, Single, Constructed;
    218 EntryDn = "entryDN", "1.3.6.1.1.20", DistinguishedName, Single, Constructed, Operational;
    219 EntryUuid = "entryUUID", "1.3.6.1.1.16.4", DirectoryString, Single, Constructed, Operational;
    220 MsDsUserPasswordExpiryTimeComputed = "msDS-UserPasswordExpiryTimeComputed", "1.2.840.113556.1.4.1996", FileTime, Single, Constructed, Operational;

    /// Nothing of [MS-ADTS] 3.1.1.3.4.1's composition is asked of passwords, and none is kept to be read back.
    221 PwdProperties = "pwdProperties", "1.2.840.113556.1.4.93", Integer, Single, Constructed;
    225 AdminCount = "adminCount", "1.2.840.113556.1.4.150", Integer, Single, Constructed;
    /// The functional level ([MS-ADTS] 6.1.4.2 to 6.1.4.4), which is one for all and none that could be raised.
    226 MsDsBehaviorVersion = "msDS-Behavior-Version", "1.2.840.113556.1.4.1459", Integer, Single, Constructed;
    /// No domain controllers of Windows NT ([MS-ADTS] 6.1.4.1).
    227 NtMixedDomain = "nTMixedDomain", "1.2.840.113556.1.4.357", Integer, Single, Constructed;

    // What is written and never read: passwords.
    230 UnicodePwd = "unicodePwd", "1.2.840.113556.1.4.90", OctetString, Single, Never, Constructed;
    231 UserPassword = "userPassword", "2.5.4.35", OctetString, Single, Never, Constructed;
    /// Taken and not kept: machines are told no hash, and nobody signs in by this one.
    232 UnixUserPassword = "unixUserPassword", "1.2.840.113556.1.4.1910", OctetString, Multi, Never, Constructed;
}

impl Attribute {
    /// The attribute's row in the schema.
    #[must_use]
    pub fn row(self) -> &'static AttributeRow {
        // The table has one row for each variant, made by the same macro and ordered by number.
        #[allow(
            clippy::expect_used,
            reason = "variant and row come from one macro repetition"
        )]
        ALL.binary_search_by_key(&(self as u16), |row| row.attribute as u16)
            .ok()
            .and_then(|position| ALL.get(position))
            .expect("every attribute has a row")
    }

    /// The attribute with this number in stored rows.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        ALL.binary_search_by_key(&number, |row| row.attribute as u16)
            .ok()
            .and_then(|position| ALL.get(position))
            .map(|row| row.attribute)
    }

    /// The attribute's number in stored rows.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// lDAPDisplayName.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The attribute of an lDAPDisplayName or OID, without regard to case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        ALL.iter()
            .find(|row| row.name.eq_ignore_ascii_case(name) || row.oid == name)
            .map(|row| row.attribute)
    }
}
