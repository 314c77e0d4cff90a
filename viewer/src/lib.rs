//! Portolan: viewer.
