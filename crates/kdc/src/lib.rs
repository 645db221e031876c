//! The key distribution centre: AS, TGS.
