//! Sending commands, deciding them, and what comes between.

mod buses;
mod doctor;
mod faults;
mod folder;
mod inbox;
mod json;
mod plain;
mod sending;
mod unreachable;
