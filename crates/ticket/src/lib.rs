//! Kerberos for those who ask for tickets, make them or accept them.
