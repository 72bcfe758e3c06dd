//! Lists the public items of a crate from rustdoc's JSON, one a line.

use std::collections::HashSet;
use std::error::Error;
use std::process::ExitCode;

use public_api::Builder;

/// The status that means: this JSON cannot be read.
const OTHER_FORMAT: u8 = 3;
/// Which `public-api` reads.
const FORMAT: u64 = 57;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: list-public-api JSON")?;
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let format = json["format_version"].as_u64();
    if format != Some(FORMAT) {
        println!("rustdoc's JSON has format {format:?}, and {FORMAT} is read");
        return Ok(ExitCode::from(OTHER_FORMAT));
    }
    let api = Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    // What a type has from a trait is listed with both.
    let mut seen = HashSet::new();
    for line in api.items().map(ToString::to_string) {
        if seen.insert(line.clone()) {
            println!("{line}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
