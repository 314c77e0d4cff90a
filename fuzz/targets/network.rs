//! Networks. The input is all files, each after a line `%%NAME`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::borrow::Cow;

fuzz_target!(|input: &str| {
    let file = |name: &str| {
        input.split("%%").skip(1).find_map(|part| part.split_once('\n').filter(|(found, _)| *found == name))
    };
    match twin::network::parse(&|name| file(name).map(|(_, text)| Cow::Borrowed(text))) {
        Ok(network) => {
            for lane in network.lanes() {
                assert!(network.site_idx(lane.from.as_str()).is_some() && network.site_idx(lane.to.as_str()).is_some());
                assert!(network.lead_time(lane.from.as_str(), lane.to.as_str()).is_some());
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty() && errors.len() <= twin::network::ERRORS_MAX);
            for error in errors {
                assert!(!error.to_string().is_empty());
            }
        }
    }
});
