//! HL7 v2 as the field sends it: every rule of reading, every way of editing.
