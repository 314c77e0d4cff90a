//! Portolan: sim.
