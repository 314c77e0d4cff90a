//! Portolan: firmware-schemas.
