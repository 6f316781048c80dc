//! What an inspection says of a lot, and what to do with it.
