//! Facts as the journal holds them. What is taken is written, and that is read back with the same bytes.
#![no_main]

use firmware_schemas::fact::Fact;
use libfuzzer_sys::fuzz_target;

fn write(fact: &Fact) -> Vec<u8> {
    let mut bytes = Vec::new();
    fact.encode_into(&mut bytes).unwrap_or_else(|why| panic!("{fact:?}: {why}"));
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(fact) = Fact::decode(bytes) {
        // Bytes and not facts are compared: NaN equals nothing.
        let written = write(&fact);
        let again = Fact::decode(&written).unwrap_or_else(|why| panic!("{fact:?}: {why}"));
        assert_eq!(write(&again), written, "{fact:?}");
    }
});
