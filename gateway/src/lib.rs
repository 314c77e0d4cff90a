//! Portolan: gateway.
