//! Programs that nobody here wrote, against a running lab and against a server of one's own; and our programs where the
//! machine is not kind.

mod administrator;
mod backup;
mod browser;
mod certificate_trust;
mod certificates;
mod fast;
mod heimdal;
mod heimdal_keys;
mod himmelblau;
mod hostile;
mod import;
mod ldap;
mod ldap_keys;
mod ldap_python;
mod ldap_rights;
mod ldap_search;
mod ldap_write;
mod mit;
mod mit_refused;
mod old_clients;
mod own_server;
mod passwords;
mod postgresql;
mod proxy;
mod relay;
mod relying_party;
mod replayed;
mod s4u;
mod samba;
mod services;
mod sssd;
mod tenant_device;
mod unkind;
mod webdriver;
