//! Importers: foreign data in, specifications and records out. Pure: text or a reader comes in, nothing is
//! opened, no clock is read.

pub mod order_lines;
pub mod willems;
