//! `tombolo.yaml`: one struct per room, composed here.
