//! Portolan: routing.
