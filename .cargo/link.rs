//! Links the program for the machine that it is built on. Its addresses that have to be adjusted when it starts, a hundred
//! thousand, are packed where the C library can unpack them: two megabytes less of memory. What is built for elsewhere, by
//! cross or as a package (`dist`), is linked for older libraries too.

use std::process::Command;

/// The first glibc that unpacks them.
const GLIBC: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=.cargo/link.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|set| set == value);
    let told = |name: &str| std::env::var(name).unwrap_or_default();
    let is_for_here = told("HOST") == told("TARGET") && !told("OUT_DIR").contains("/dist/");
    let is_known = is("CARGO_CFG_TARGET_ENV", "gnu") && is("CARGO_CFG_TARGET_ARCH", "x86_64");
    if is_for_here && is_known && glibc().is_some_and(|here| here >= GLIBC) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Of this machine, such as 2.36.
fn glibc() -> Option<(u32, u32)> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
