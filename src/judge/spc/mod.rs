//! Statistical process control: charts, limits, rules, capability.
