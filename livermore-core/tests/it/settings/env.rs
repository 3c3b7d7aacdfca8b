//! Which environment variables settings may name.

use std::collections::BTreeSet;

use livermore_core::{
    ids::UserId,
    settings::{EnvName, EnvPolicy, Problem, ProblemCode, UserSettings},
};
use serde_json::{Value, json};

use super::{places, problems, read};

fn check(policy: &EnvPolicy, exchanges: &Value, discord: &Value, there: &[&str]) -> Vec<Problem> {
    let document = json!({ "version": 3, "exchanges": exchanges, "alerts": { "discord": discord } });
    let settings: UserSettings = read(document).unwrap().settings;
    let names: BTreeSet<String> = there.iter().map(|name| (*name).to_owned()).collect();
    policy.check(UserId::new(7).unwrap(), &settings, &names)
}

#[test]
fn a_user_names_only_variables_with_the_own_prefix() {
    let there = ["PATH", "LIVERMORE_70_KEY", "LIVERMORE_7_KEY", "LIVERMORE_7_PEM"];
    let coinbase = |key: &str| json!({ "coinbase": { "enabled": true, "apiKeyEnvVar": key, "privateKeyEnvVar": "LIVERMORE_7_PEM" } });
    assert_eq!(check(&EnvPolicy::default(), &coinbase("LIVERMORE_7_KEY"), &json!({}), &there), []);
    for foreign in ["PATH", "LIVERMORE_70_KEY", "LIVERMORE_7", "livermore_7_KEY", "AKIA1234567890"] {
        let found = check(&EnvPolicy::default(), &coinbase(foreign), &json!({}), &there);
        assert_eq!(places(&found), [("/exchanges/coinbase/apiKeyEnvVar", ProblemCode::EnvForbidden)], "{foreign}");
        let told = found[0].to_string();
        assert!(!told.contains(foreign) || foreign == "LIVERMORE_7", "{told}");
        assert!(told.contains("must begin with LIVERMORE_7_"), "{told}");
    }
}

#[test]
fn what_is_switched_on_needs_its_variables() {
    let kraken = |enabled: bool| json!({ "kraken": { "enabled": enabled, "apiKeyEnvVar": "LIVERMORE_7_KRAKEN_KEY", "secretKeyEnvVar": "OTHER" } });
    let discord = |enabled: bool| json!({ "enabled": enabled, "webhookEnvVar": "LIVERMORE_7_HOOK" });
    let found = check(&EnvPolicy::default(), &kraken(true), &discord(true), &[]);
    assert_eq!(
        places(&found),
        [
            ("/exchanges/kraken/apiKeyEnvVar", ProblemCode::EnvMissing),
            ("/exchanges/kraken/secretKeyEnvVar", ProblemCode::EnvForbidden),
            ("/alerts/discord/webhookEnvVar", ProblemCode::EnvMissing),
        ]
    );
    // Switched off it may be missing, but it may still not be another's.
    let found = check(&EnvPolicy::default(), &kraken(false), &discord(false), &[]);
    assert_eq!(places(&found), [("/exchanges/kraken/secretKeyEnvVar", ProblemCode::EnvForbidden)]);
}

#[test]
fn only_the_users_own_names_are_suggested() {
    let coinbase = json!({ "coinbase": { "enabled": true, "apiKeyEnvVar": "LIVERMORE_7_COINBASE_KEI" } });
    let told = |there: &[&str]| check(&EnvPolicy::default(), &coinbase, &json!({}), there)[0].to_string();
    let own = told(&["LIVERMORE_7_COINBASE_KEY", "LIVERMORE_8_COINBASE_KEI"]);
    assert!(own.contains("did you mean LIVERMORE_7_COINBASE_KEY?"), "{own}");
    let others = told(&["LIVERMORE_8_COINBASE_KEI", "COINBASE_KEI", "LIVERMORE_70_COINBASE_KEI", "LIVERMORE_7_X"]);
    assert!(!others.contains("did you mean"), "{others}");
}

#[test]
fn a_policy_of_ones_own() {
    let coinbase = json!({ "coinbase": { "enabled": true, "apiKeyEnvVar": "Coinbase_ApiKeyId" } });
    let policy = EnvPolicy::new("Coinbase_");
    assert_eq!(check(&policy, &coinbase, &json!({}), &["Coinbase_ApiKeyId"]), []);
    assert_eq!(EnvPolicy::new("X_{userId}_").prefix(UserId::new(12).unwrap()), "X_12_");
}

#[test]
fn a_secret_in_the_place_of_a_name_is_refused_unseen() {
    for secret in
        ["https://discord.com/api/webhooks/1/CANARY", "-----BEGIN CANARY", "CANARY key", "", "7CANARY", "CANARY="]
    {
        let found = problems(json!({ "version": 3, "alerts": { "discord": { "webhookEnvVar": secret } } }));
        assert_eq!(places(&found), [("/alerts/discord/webhookEnvVar", ProblemCode::Format)], "{secret}");
        assert!(!found[0].to_string().contains("CANARY"), "{}", found[0]);
    }
    assert!(EnvName::new(&"A".repeat(128)).is_ok());
    assert!(EnvName::new(&"A".repeat(129)).is_err());
}
