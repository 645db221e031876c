//! The issuing certification authority: profiles, lint, CRL.
