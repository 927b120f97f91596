//! Builds every room from the configuration, starts them, waits for a signal, drains.
