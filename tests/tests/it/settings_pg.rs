//! What only PostgreSQL can do to `livermore settings`, `store` and `doctor`.

use std::{
    io::Write,
    net::TcpListener,
    process::{Command, Stdio},
    time::Duration,
};

use livermore_tests::{
    Finished, livermore,
    postgres::{PASSWORD, own},
    run,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::stores::{
    Kind, Store,
    database::{APP, OWNER, empty, migrated},
    eventually,
};

/// Runs a command and looks for the password of the URL in whatever it says.
fn told(arguments: &[&str]) -> Finished {
    let begun = Instant::now();
    let finished = run(arguments, b"");
    assert!(begun.elapsed() < Duration::from_secs(30), "{arguments:?} took {:?}", begun.elapsed());
    let all = format!("{}{}", finished.stdout, finished.stderr);
    assert!(!all.contains(PASSWORD), "{arguments:?}: {all}");
    assert!(!all.contains("panicked"), "{arguments:?}: {all}");
    finished
}

/// `settings get` and `doctor` on a URL that is of no use.
fn useless(url: &str, code: i32, parts: &[&str]) {
    for command in [&["settings", "get"][..], &["doctor"], &["doctor", "--json"]] {
        let finished = told(&[command, &["--store", url]].concat());
        let all = format!("{}{}", finished.stdout, finished.stderr);
        assert_eq!(finished.code, Some(code), "{command:?}: {all}");
        for part in parts {
            assert!(all.contains(part), "{command:?}, {part}: {all}");
        }
    }
}

#[test]
fn no_password_is_ever_shown() {
    let url = format!("postgres://app:{PASSWORD}@127.0.0.1:1/db");
    let typing_error = format!("--stroe={url}");
    for arguments in [
        &["settings", "get", "--store", &url][..],
        &["settings", &url],
        &["settings", "get", "mode", &url],
        &["settings", "get", &typing_error],
        &["store", "--store", &url, "moderate"],
        &["store", "migrate", "--store", &url],
        &["store", "status", "--json", "--store", &url],
        &["doctor", &url],
        &["doctor", "--json", "--store", &url],
        &["doctor", "--store", &url.replace("postgres:", "postgress:")],
        &["doctor", "--store", &url.replace("127.0.0.1:1", "127.0.0.1:99999")],
        &["doctor", "--store", &format!("{url}?sslmod={PASSWORD}")],
    ] {
        assert!(matches!(told(arguments).code, Some(2 | 3)), "{arguments:?}");
    }
    for command in ["settings", "store", "doctor"] {
        let mut help = livermore(&[command, "--help"]);
        let shown = Finished::of(&help.env("LIVERMORE_STORE_URL", &url).output().unwrap()).success();
        assert!(shown.contains("LIVERMORE_STORE_URL") && !shown.contains(PASSWORD), "{shown}");
    }
}

#[test]
fn a_server_that_is_not_there_or_never_answers_is_given_up() {
    useless("postgres://app@127.0.0.1:1/db", 3, &["cannot be reached", "app on 127.0.0.1:1/db"]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://app:{PASSWORD}@{}/db", silent.local_addr().unwrap());
    useless(&url, 3, &["no answer in time"]);
    useless("postgres://app@nowhere.invalid/db", 3, &["cannot be reached"]);
    assert_eq!(told(&["store", "migrate", "--store", &url]).code, Some(3));
    assert_eq!(told(&["store", "status", "--store", &url]).code, Some(3));
}

#[test]
fn roles_and_databases_that_will_not_do_are_exit_code_2_with_advice() {
    let Some(database) = migrated() else { return };
    let named = |role: &str| database.url(role);
    useless(&named("postgres"), 2, &["superuser", "CREATE ROLE livermore_app"]);
    useless(&named(OWNER), 2, &["owns the schema livermore"]);
    // This name must log in with a password, and nobody has it.
    useless(&named("livermore_locked"), 2, &["check user and password"]);
    useless(&database.server.url(APP, "no_such_database"), 2, &["no such database"]);
    database.run("REVOKE UPDATE ON livermore.users FROM livermore_app");
    useless(&named(APP), 2, &["SELECT livermore.grant_access('livermore_app')"]);
}

#[test]
fn the_way_from_an_empty_database_to_work_is_what_the_commands_say() {
    let Some(database) = empty() else { return };
    let (owner, app) = (database.url(OWNER), database.url(APP));
    useless(&app, 2, &[]);
    let examined = told(&["doctor", "--store", &app]).stdout;
    assert!(examined.contains("livermore store migrate --store postgres://OWNER:PASSWORD@127.0.0.1:"), "{examined}");
    assert!(examined.contains("--grant livermore_app"), "{examined}");
    let status = told(&["store", "status", "--store", &owner]);
    assert_eq!(status.code, Some(2));
    assert!(status.stdout.contains("tables: missing"), "{}", status.stdout);
    let nobody = told(&["store", "migrate", "--store", &owner, "--grant", "nobody_of_that_name"]);
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.stderr.contains("there is no such role"), "{}", nobody.stderr);
    let first = told(&["store", "migrate", "--store", &owner, "--grant", APP]).success();
    assert!(first.contains("livermore_app has the rights of the program"), "{first}");
    assert!(told(&["store", "migrate", "--store", &owner]).success().starts_with("already at version"));
    let without_rights = told(&["store", "migrate", "--store", &app]);
    assert_eq!(without_rights.code, Some(2), "{}", without_rights.stderr);
    assert_eq!(told(&["store", "status", "--store", &app]).code, Some(0));
    let examined = told(&["doctor", "--store", &app]).success();
    assert!(examined.contains("row-level security is in force") && examined.contains("may list users"), "{examined}");
    assert_eq!(told(&["settings", "--store", &app, "get", "mode"]).success(), "position-monitor\n");
}

#[test]
fn tables_of_another_version_are_told_from_each_other() {
    let Some(database) = migrated() else { return };
    for (version, word, next) in [(1, "older", "livermore store migrate"), (99, "newer", "update livermore")] {
        database.run(&format!(
            "CREATE OR REPLACE FUNCTION livermore.schema_version() RETURNS integer
             LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT {version} '"
        ));
        let status = told(&["store", "status", "--json", "--store", &database.url(APP)]);
        assert_eq!(status.code, Some(2));
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!((status["schema"].as_str(), status["found"].as_i64()), (Some(word), Some(version)));
        let examined = told(&["doctor", "--store", &database.url(APP)]);
        assert_eq!(examined.code, Some(2));
        assert!(examined.stdout.contains(next), "{}", examined.stdout);
    }
}

#[test]
fn the_right_to_list_users_is_only_worth_a_warning() {
    let Some(database) = migrated() else { return };
    database.run("REVOKE EXECUTE ON FUNCTION livermore.settings_users(bigint, bigint) FROM livermore_app");
    let examined = told(&["doctor", "--store", &database.url(APP)]).success();
    assert!(examined.contains("warn  role"), "{examined}");
}

#[test]
fn an_editor_that_was_overtaken_is_exit_code_6_and_loses_nothing() {
    let Some(store) = Kind::Postgres.fresh() else { return };
    store.get(&["set", "mode", "scalper-macdv"]);
    let folder = tempfile::TempDir::new().unwrap();
    let (script, work) = (folder.path().join("editor.sh"), folder.path().join("work.json"));
    let program = livermore(&[]).get_program().to_string_lossy().into_owned();
    let mine = store.get(&["get"]).replace("\"USD\"", "\"EUR\"");
    std::fs::write(&work, mine).unwrap();
    let lines = format!("'{program}' settings set timeframes '[\"5m\"]' || exit 9\ncp '{}' \"$1\"\n", work.display());
    std::fs::write(&script, lines).unwrap();
    let mut command = livermore(&["settings", "edit"]);
    command.env("VISUAL", format!("sh {}", script.display())).env("LIVERMORE_STORE_URL", store.url());
    let refused = Finished::of(&command.output().unwrap());
    assert_eq!(refused.code, Some(6), "{}", refused.stderr);
    assert!(refused.stderr.contains("changed in between (now at revision 2)"), "{}", refused.stderr);
    let kept = refused.stderr.lines().find_map(|line| line.strip_prefix("what you wrote is kept in ")).unwrap();
    assert!(std::fs::read_to_string(kept).unwrap().contains("EUR"));
    std::fs::remove_file(kept).unwrap();
    assert_eq!(store.get(&["get", "timeframes.0"]), "5m");
}

#[test]
fn commands_at_the_same_time_all_count() {
    let Some(store) = Kind::Postgres.fresh() else { return };
    let url = store.url();
    let start = |user: usize| {
        let place = format!("extensions.writer{user}");
        let mut command = livermore(&["settings", "--store", &url, "set", &place, "1"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..8).map(start).collect();
    for process in running {
        Finished::of(&process.wait_with_output().unwrap()).success();
    }
    assert_eq!(store.get(&["history"]).lines().count(), 8);
    let extensions: Value = serde_json::from_str(&store.get(&["get", "extensions"])).unwrap();
    assert_eq!(extensions.as_object().unwrap().len(), 8);
}

#[test]
fn a_server_that_dies_midway_is_exit_code_3() {
    let Some(server) = own() else { return };
    let owner = server.url("postgres", "postgres");
    told(&["store", "migrate", "--store", &owner]).success();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(server.run("postgres", "CREATE ROLE app LOGIN; SELECT livermore.grant_access('app')"));
    let url = server.url("app", "postgres");
    let script = tempfile::NamedTempFile::new().unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let (open, close) = (folder.path().join("open"), folder.path().join("close"));
    let lines = format!(
        "touch '{}'\nwhile [ ! -e '{}' ]; do sleep 0.05; done\necho '{{\"version\":3}}' > \"$1\"\n",
        open.display(),
        close.display()
    );
    script.as_file().write_all(lines.as_bytes()).unwrap();
    let mut command = livermore(&["settings", "edit", "--store", &url]);
    command.env("VISUAL", format!("sh {}", script.path().display())).stdout(Stdio::piped()).stderr(Stdio::piped());
    let process = command.spawn().unwrap();
    eventually("the editor is open", || open.exists());
    server.signal("KILL");
    std::fs::write(&close, "").unwrap();
    let failed = Finished::of(&process.wait_with_output().unwrap());
    assert_eq!(failed.code, Some(3), "{}", failed.stderr);
    let kept = failed.stderr.lines().find_map(|line| line.strip_prefix("what you wrote is kept in ")).unwrap();
    std::fs::remove_file(kept).unwrap();
    useless(&url, 3, &["cannot be reached"]);
}

#[test]
fn a_migration_of_everybody_that_is_interrupted_can_be_gone_on_with() {
    let Some(store) = Kind::Postgres.fresh() else { return };
    let Store::Postgres(database) = &store else { return };
    database.run(
        "SELECT livermore.settings_save(id, NULL, '{\"version\":1,\"symbols\":[\"BTC-USD\"]}', 'old', NULL, NULL, 0)
         FROM generate_series(1, 3000) AS id",
    );
    let arguments = ["settings", "--store", &database.url(APP), "migrate", "--all-users", "--json"];
    let process = livermore(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Under way when the first document has its second revision.
    eventually("a second revision", || store.get(&["history"]).lines().count() == 2);
    let killed = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let interrupted = Finished::of(&process.wait_with_output().unwrap());
    assert_eq!(interrupted.code, Some(130), "{}", interrupted.stderr);
    let first: Value = serde_json::from_str(&interrupted.stdout).unwrap();
    assert_eq!(first["interrupted"], true);
    let rest: Value = serde_json::from_str(&run(&arguments, b"").success()).unwrap();
    let count = |told: &Value| told["migrated"].as_u64().unwrap();
    assert_eq!((count(&first) + count(&rest), &rest["interrupted"]), (3_000, &Value::Bool(false)));
}
