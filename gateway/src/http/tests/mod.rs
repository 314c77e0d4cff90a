//! Stories over the whole router, with the real control loop, journal and store behind it.

mod document;
mod improve;
mod orders;
mod past;
mod plane;
mod problems;
mod reads;
mod replans;
mod replenishment;
mod routes;
mod serving;
mod streams;
mod webhooks;
mod what_if;
mod writes;
