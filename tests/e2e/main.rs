//! Whole stories, told to the real binary by clients that know nothing of its inside.

mod bad_input;
mod no_loss;
mod retail;
