//! Only its benchmark is of interest: `cargo bench --manifest-path benches-peers/Cargo.toml`.
