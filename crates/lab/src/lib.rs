//! All parties of a scenario, its people and its story.
