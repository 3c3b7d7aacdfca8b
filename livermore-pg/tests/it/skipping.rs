//! Without servers.

use std::process::Command;

#[test]
fn without_servers_the_tests_pass_and_say_what_they_skipped() {
    let tests = std::env::current_exe().unwrap();
    let output = Command::new(tests)
        .args(["contract::", "tenants::", "--test-threads=2"])
        .env("LIVERMORE_SKIP_SERVERS", "1")
        .output()
        .unwrap();
    let (said, shown) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{shown}{said}");
    // Loud: not in the output of a test, which nobody sees when it passes.
    let line = "SKIPPED: no PostgreSQL, because LIVERMORE_SKIP_SERVERS=1";
    assert!(said.lines().filter(|said| *said == line).count() > 30, "{said}");
}
