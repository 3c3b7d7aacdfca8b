//! Which environment variables settings may name, and what is told about them: names, never values.

use crate::stores::{Kind, on_every_store};

const VALUE: &str = "canary-credential";

on_every_store!(
    a_name_of_somebody_else_is_refused_however_it_comes,
    what_is_not_set_is_a_note_and_an_error_where_that_is_asked_for,
    a_wrong_name_that_is_stored_already_keeps_nobody_from_other_work,
    doctor_has_a_row_for_each_variable,
);

fn coinbase(key: &str, secret: &str) -> String {
    let inner = format!(r#"{{"enabled":true,"apiKeyEnvVar":"{key}","privateKeyEnvVar":"{secret}"}}"#);
    format!(r#"{{"version":3,"exchanges":{{"coinbase":{inner}}}}}"#)
}

fn a_name_of_somebody_else_is_refused_however_it_comes(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    let wrong = coinbase("LIVERMORE_1_KEY", "LIVERMORE_70_SECRET");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &wrong).unwrap();
    let path = file.path().to_str().unwrap();
    for arguments in [
        &["set", "exchanges.coinbase.privateKeyEnvVar", "LIVERMORE_70_SECRET"][..],
        &["patch", &wrong],
        &["import", path],
        &["validate", path],
    ] {
        let refused = store.run_with(&[("LIVERMORE_70_SECRET", VALUE)], arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
        for part in ["/exchanges/coinbase/privateKeyEnvVar", "must begin with LIVERMORE_1_"] {
            assert!(refused.stderr.contains(part), "{arguments:?}: {}", refused.stderr);
        }
        assert!(!refused.stderr.contains("LIVERMORE_70"), "{arguments:?}: {}", refused.stderr);
    }
    if cfg!(unix) {
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), format!("echo '{wrong}' > \"$1\"\n")).unwrap();
        let editor = format!("sh {}", script.path().display());
        let refused = store.run_with(&[("VISUAL", editor.as_str())], &["edit"]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        let kept = refused.stderr.lines().find_map(|line| line.strip_prefix("what you wrote is kept in ")).unwrap();
        std::fs::remove_file(kept).unwrap();
    }
    assert_eq!(store.get(&["history"]), "");
    let own = coinbase("LIVERMORE_70_KEY", "LIVERMORE_70_SECRET");
    assert_eq!(store.run(&["import", "-", "--user", "70"], &own).code, Some(0));
}

fn what_is_not_set_is_a_note_and_an_error_where_that_is_asked_for(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    let environment = [("LIVERMORE_1_KEE", VALUE), ("LIVERMORE_1_SECRET", ""), ("LIVERMORE_2_KEY", VALUE)];
    let names = coinbase("LIVERMORE_1_KEY", "LIVERMORE_1_SECRET");
    let refused = store.run_with(&environment, &["patch", &names, "--check-env"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert_eq!(store.get(&["history"]), "");
    let saved = store.run_with(&environment, &["patch", &names]);
    assert_eq!(saved.code, Some(0), "{}", saved.stderr);
    let strict = store.run_with(&environment, &["validate", "--check-env"]);
    assert_eq!(strict.code, Some(2), "{}", strict.stderr);
    for told in [&refused.stderr, &saved.stderr, &strict.stderr] {
        assert!(told.contains("LIVERMORE_1_KEY is not set (did you mean LIVERMORE_1_KEE?)"), "{told}");
        assert!(told.contains("LIVERMORE_1_SECRET is not set"), "an empty one counts as missing: {told}");
        assert!(!told.contains(VALUE) && !told.contains("LIVERMORE_2"), "{told}");
    }
    let there = [("LIVERMORE_1_KEY", VALUE), ("LIVERMORE_1_SECRET", VALUE)];
    let content = store.run_with(&there, &["validate", "--check-env"]);
    assert_eq!((content.code, content.stderr.as_str()), (Some(0), ""));
    // What is switched off needs nothing.
    let off = store.run_with(&[], &["set", "exchanges.coinbase.enabled", "false", "--check-env"]);
    assert_eq!((off.code, off.stderr.as_str()), (Some(0), ""));
}

/// Such names come from before there was a rule, or from another program.
fn a_wrong_name_that_is_stored_already_keeps_nobody_from_other_work(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    // Settings of user 7 in the place of user 1's: whoever keeps the store can do that.
    match &store {
        crate::stores::Store::Folder(folder) => {
            store.run(&["import", "-", "--user", "7"], &coinbase("LIVERMORE_7_KEY", "LIVERMORE_7_SECRET")).success();
            let users = folder.path().join("users");
            for kind in ["json", "history.jsonl"] {
                std::fs::rename(users.join(format!("7.{kind}")), users.join(format!("1.{kind}"))).unwrap();
            }
        }
        #[cfg(unix)]
        crate::stores::Store::Postgres(database) => {
            let document = coinbase("LIVERMORE_7_KEY", "LIVERMORE_7_SECRET");
            database.run(&format!("SELECT livermore.settings_save(1, NULL, '{document}', 'other', NULL, NULL, 0)"));
        }
    }
    let saved = store.run(&["set", "exchanges.coinbase.apiKeyEnvVar", "LIVERMORE_1_KEY"], "");
    assert_eq!(saved.code, Some(0), "{}", saved.stderr);
    assert!(
        saved.stderr.contains("note: /exchanges/coinbase/privateKeyEnvVar: is no environment variable of this user")
    );
    let refused = store.run(&["set", "exchanges.coinbase.apiKeyEnvVar", "LIVERMORE_7_KEY"], "");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    // Going back to it would bring the name in again.
    assert_eq!(store.run(&["rollback", "1"], "").code, Some(2));
    store.get(&["set", "exchanges.coinbase.privateKeyEnvVar", "LIVERMORE_1_SECRET"]);
}

fn doctor_has_a_row_for_each_variable(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    store.get(&["patch", &coinbase("LIVERMORE_1_KEY", "LIVERMORE_1_SECRET")]);
    store.get(&["set", "alerts.discord", r#"{"enabled":true,"webhookEnvVar":"LIVERMORE_1_HOOK"}"#]);
    let environment = [("LIVERMORE_1_KEY", VALUE), ("LIVERMORE_1_SECRET", ""), ("LIVERMORE_1_HOOKS", VALUE)];
    let examined = store.doctor(&environment, &[]);
    assert_eq!(examined.code, Some(2), "{}{}", examined.stdout, examined.stderr);
    for part in [
        "ok    environment  LIVERMORE_1_KEY is set",
        "FAIL  environment  /exchanges/coinbase/privateKeyEnvVar: the environment variable LIVERMORE_1_SECRET is empty",
        "LIVERMORE_1_HOOK is not set\n                   did you mean LIVERMORE_1_HOOKS?",
    ] {
        assert!(examined.stdout.contains(part), "{part}: {}", examined.stdout);
    }
    assert!(!format!("{}{}", examined.stdout, examined.stderr).contains(VALUE));
    let there = [("LIVERMORE_1_KEY", VALUE), ("LIVERMORE_1_SECRET", VALUE), ("LIVERMORE_1_HOOK", VALUE)];
    store.doctor(&there, &[]).success();
}
