//! `tombolo demo`: three simulated parties around a real gateway, over real sockets.
