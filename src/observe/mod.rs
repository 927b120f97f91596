//! What can be seen: logs, metrics, the clock.
