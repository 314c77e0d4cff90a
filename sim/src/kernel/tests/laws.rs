//! What holds for every network.
