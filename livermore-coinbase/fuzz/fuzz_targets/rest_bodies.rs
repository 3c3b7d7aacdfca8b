//! Bodies of REST answers: nothing a server sends may panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| livermore_coinbase::wire::fuzz_body(data));
