//! The phases: what the flows are made of.
//!
//! | module | phases |
//! |---|---|
//! | [`second_factor`] | PH-A-M, PH-A-O |
//! | [`user_key`] | PH-B |
//! | [`register`] | PH-C-Cloud, PH-C-Ent |

pub mod register;
pub mod second_factor;
pub mod user_key;
