//! Sending commands, deciding them, and what comes between.

mod buses;
mod clocks;
mod doctor;
mod faults;
mod folder;
mod inbox;
mod json;
mod plain;
mod sending;
mod unreachable;
mod volatile;
