//! Who is told of what judges find, how often, and until when.
