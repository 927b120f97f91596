//! YAML 1.2 with the failsafe schema: every scalar is a string, and every node knows its place.
