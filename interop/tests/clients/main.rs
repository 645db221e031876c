//! Programs that nobody here wrote, against a running lab.

mod browser;
mod certificates;
mod hostile;
mod mit;
mod mit_refused;
mod relay;
mod webdriver;
