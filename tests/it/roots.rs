//! The root of the drop folders, when it isn't what it was: nothing is concluded from that, and somebody is told.

use std::fs;

use anyhow::Result;
use devicedrop_testkit::env::TestEnv;

use crate::scene::{CONTOSO, csv, env, rows, run_once, start, stop};

/// Starts a daemon, and waits until `status` names a problem that says this.
fn is_told(env: &TestEnv, words: &str) -> Result<()> {
    let mut daemon = start(env)?;
    daemon.wait_until(words, || {
        let told = env.run(&["status", "--problems"])?;
        Ok((told.code == Some(1) && told.stdout.contains(words)).then_some(()))
    })?;
    stop(daemon)
}

#[test]
fn a_root_that_is_gone_is_not_made_again_and_an_empty_one_is_not_believed() -> Result<()> {
    let env = env()?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    run_once(&env)?;
    let aside = env.path("unmounted");
    fs::rename(env.root(), &aside)?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(1));
    assert!(!env.root().exists(), "it would hide that the share isn't mounted");
    is_told(&env, "who is a customer can't be told")?;
    fs::create_dir(env.root())?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(1));
    is_told(&env, "it holds no folder, though customers are on record")?;
    fs::remove_dir(env.root())?;
    fs::write(env.root(), "no folder")?;
    let refused = env.run(&["run", "--once"])?;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    fs::remove_file(env.root())?;
    fs::rename(&aside, env.root())?;
    run_once(&env)?;
    assert_eq!(rows(&env, "SELECT kind FROM audit_deliveries")?, ["new"]);
    Ok(())
}
