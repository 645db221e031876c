//! Programs that nobody here wrote, against a running lab.

mod certificates;
mod mit;
mod mit_refused;
mod relay;
