//! Bad input and bad options: a clear error, or the documented value; never a panic.

use anyhow::{Result, ensure};
use cvloss_testkit::cases::{cases, network_cases};
use cvloss_testkit::faults::{check_inputs, check_options};

#[test]
fn inputs() -> Result<()> {
    let cells = check_inputs(&cases())?;
    ensure!(cells > 15_000, "only {cells} cells");
    Ok(())
}

#[test]
fn inputs_of_networks() -> Result<()> {
    let cells = check_inputs(&network_cases())?;
    ensure!(cells > 1000, "only {cells} cells");
    Ok(())
}

#[test]
fn options() -> Result<()> {
    let count = check_options()?;
    ensure!(count > 150, "only {count} options");
    Ok(())
}
