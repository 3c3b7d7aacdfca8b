//! The command log in a folder.

mod contract;
mod failing;
mod folder;
mod killed;
mod racing;
mod runner;
mod soak;
mod support;
mod windows;
