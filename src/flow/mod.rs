//! How a message travels, and what happens because of it.
