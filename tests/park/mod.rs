//! The peers that tests talk to: started for the test, on free ports, in temporary folders, gone afterwards.

pub mod mariadb;
pub mod modbus_faults;
