//! A certificate authority of our own, and servers' certificates for 127.0.0.1, made by openssl.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

const CA_SETTINGS: &str = "[ca]\ndefault_ca = shop\n[shop]\ndatabase = index\nserial = serial\nnew_certs_dir = .\npolicy = any\ndefault_md = sha256\nx509_extensions = server\n[any]\ncommonName = supplied\n[server]\nbasicConstraints = CA:FALSE\nsubjectAltName = IP:127.0.0.1\n";

pub struct Authority(TempDir);

impl Authority {
    pub fn new() -> Self {
        let authority = Self(tempfile::tempdir().expect("a temporary folder"));
        for (name, text) in [("index", ""), ("serial", "01\n"), ("settings", CA_SETTINGS)] {
            std::fs::write(authority.file(name), text).expect("a file of the authority");
        }
        let name = fastrand::u32(..);
        authority.openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=shop-{name}"
        ));
        authority
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Settings of a broker whose certificate is valid from the one time to the other, each as `YYYYMMDDHHMMSSZ`.
    pub fn broker(&self, name: &str, from: &str, to: &str) -> String {
        self.openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        self.openssl(&format!(
            "ca -batch -config settings -cert ca.pem -keyfile ca.key -startdate {from} -enddate {to} -in {name}.csr -out {name}.pem -notext"
        ));
        let files = [("certfile", "pem"), ("keyfile", "key")].map(|(setting, kind)| {
            let file = self.file(&format!("{name}.{kind}"));
            format!("{setting} {}\n", file.display())
        });
        format!("allow_anonymous true\n{}", files.concat())
    }

    fn openssl(&self, arguments: &str) {
        let status = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .stderr(Stdio::null())
            .status()
            .unwrap_or_else(|e| panic!("cannot run openssl ({e}): this test needs the package openssl"));
        assert!(status.success(), "openssl {arguments}");
    }
}
