//! The on-premises security token service.
