//! Doors outward: the outbox worker and its targets.
