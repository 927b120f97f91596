//! Merge: an inbound resource over a stored one. A mapping owns the paths it writes; the others
//! stay (so an ORU does not erase the address that the ADT brought, nor what a person added).
