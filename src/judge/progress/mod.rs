//! How far orders, workshops and machines have got.
