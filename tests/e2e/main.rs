//! Whole stories, told to the real binary by clients that know nothing of its inside.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "stories run on the machine's clock and say what they saw"
)]

mod api;
mod bad_input;
mod history;
mod influx;
mod mapped;
mod no_loss;
mod orders;
mod past;
mod retail;
mod rolled_up;
mod routes;
mod webhooks;
mod what_if;
