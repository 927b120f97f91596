//! Doors inward: MLLP, HTTP, file drops.
