//! Portolan: tests.
