//! The documents of the contract, made from the types: JSON Schemas, an AsyncAPI description and a C header.
//!
//! ```text
//! telemetry.rs, command.rs, view.rs ─ schemars ─▶ schema  ─▶ schema/*.schema.json
//!                                                    ├────▶ asyncapi ─▶ schema/asyncapi.json
//!                                                    └────▶ header   ─▶ include/portolan.h
//! ```
//!
//! A test makes them again and compares; `UPDATE_GOLDEN=1 cargo test -p firmware-schemas` rewrites them.

mod asyncapi;
mod header;
mod schema;

pub use asyncapi::asyncapi;
pub use header::c_header;
pub use schema::{Payload, schema};

use alloc::string::String;
use serde_json::Value;

/// Indented JSON with sorted members, so that the text is the same whatever features `serde_json` was built with.
pub fn pretty(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(sorted).collect(),
            Value::Object(members) => {
                let mut names: alloc::vec::Vec<_> = members.keys().collect();
                names.sort();
                Value::Object(names.into_iter().map(|name| (name.clone(), sorted(&members[name]))).collect())
            }
            scalar => scalar.clone(),
        }
    }
    alloc::format!("{:#}\n", sorted(value))
}
