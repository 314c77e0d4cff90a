//! Portolan: twin.
