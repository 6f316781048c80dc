//! Who did what, against a running gateway: what was answered is on record whatever dies, what is on record can't be changed
//! unnoticed, and the store has it once.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lineside::audit::file::{VerifyError, verify};
use serde_json::{Value, json};

use crate::park::gateway::Site;
use crate::park::until;
use crate::store::{Bench, TOKEN};

fn control(site: &Site) -> String {
    fs::read_to_string(site.data().join("control-token")).unwrap()
}

/// A change that comes to nothing, for there is no such letter; its name marks it in the log.
async fn discard(client: &reqwest::Client, site: &Site, token: &str, name: &str) -> reqwest::Result<u16> {
    let url = site.url(&format!("buffer/dead-letters/{name}/discard"));
    let asked = client.post(url).bearer_auth(token).body("{\"reason\": \"a test\"}");
    Ok(asked.send().await?.status().as_u16())
}

fn entries(site: &Site) -> Vec<Value> {
    let text = site.prints(&["audit", "export", "--data-dir", "data"]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn assert_whole(site: &Site) {
    let elsewhere = site.run(&["audit", "verify", "--data-dir", "nope"]);
    assert_eq!(
        elsewhere.status.code(),
        Some(2),
        "no log is there: another folder was meant"
    );
    let told = site.prints(&["audit", "verify", "--data-dir", "data"]);
    assert!(told.starts_with("whole: "), "{told}");
}

/// What the entries of an action are about.
fn subjects(entries: &[Value], action: &str) -> Vec<String> {
    let of_action = entries.iter().filter(|entry| entry["action"] == action);
    of_action
        .map(|entry| entry["subject"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_change_is_on_record_with_who_asked_and_how_it_ended() {
    let site = Site::new("");
    let _gateway = site.start().await;
    let token = control(&site);
    let client = reqwest::Client::new();
    assert_eq!(discard(&client, &site, &token, "letter-1").await.unwrap(), 404);
    let entries = entries(&site);
    let actions: Vec<&str> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["started", "discard", "discard.refused"]);
    let asked = &entries[1];
    assert_eq!(
        (&asked["who"], &asked["role"], &asked["from"], &asked["detail"]),
        (
            &json!("control"),
            &json!("admin"),
            &json!("127.0.0.1"),
            &json!({"reason": "a test"})
        )
    );
    assert_eq!(asked["subject"], "buffer/dead-letters/letter-1/discard");
    assert_eq!(
        (&entries[2]["detail"]["entry"], &entries[2]["detail"]["told"]["status"]),
        (&json!(2), &json!(404))
    );
    assert!(entries[0]["detail"]["configuration_sha256"].as_str().unwrap().len() == 64);
    let shown = client.get(site.url("audit?after=1")).bearer_auth(&token).send().await;
    let shown: Value = serde_json::from_slice(&shown.unwrap().bytes().await.unwrap()).unwrap();
    assert_eq!(shown, json!({"entries": entries[1..], "next": null}));
    assert_whole(&site);
}

#[tokio::test]
async fn any_edited_byte_is_noticed() {
    let site = Site::new("");
    let gateway = site.start().await;
    let token = control(&site);
    for nth in 0..3 {
        let name = format!("letter-{nth}");
        discard(&reqwest::Client::new(), &site, &token, &name).await.unwrap();
    }
    assert!(gateway.stop().success());
    let file = site.data().join("audit.log");
    let text = fs::read(&file).unwrap();
    for place in 0..text.len() {
        let mut edited = text.clone();
        edited[place] ^= 1;
        fs::write(&file, &edited).unwrap();
        let told = verify(&site.data());
        assert!(matches!(told, Err(VerifyError::Broken { .. })), "{place}: {told:?}");
    }
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    fs::write(&file, [lines[0], lines[1], &lines[3..].concat()].concat()).unwrap();
    let told = site.run(&["audit", "verify", "--data-dir", "data"]);
    let said = String::from_utf8(told.stdout).unwrap();
    assert!(
        !told.status.success() && said.contains("audit.log:3: it is number 4, where 3 should be"),
        "{said}"
    );
    fs::write(&file, &text).unwrap();
    assert_whole(&site);
}

#[tokio::test]
async fn a_torn_line_is_set_apart_and_told_of() {
    let site = Site::new("");
    assert!(site.start().await.stop().success());
    let torn = "{\"seq\":2,\"at\":\"2026-11-21T08:";
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(site.data().join("audit.log"))
        .unwrap();
    file.write_all(torn.as_bytes()).unwrap();
    assert!(matches!(verify(&site.data()), Err(VerifyError::Broken { line: 2, .. })));
    let _gateway = site.start().await;
    assert_whole(&site);
    let names = subjects(&entries(&site), "torn_line_set_apart");
    let [name] = names.as_slice() else { panic!("{names:?}") };
    assert_eq!(fs::read_to_string(site.data().join(name)).unwrap(), torn);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_on_record_and_in_the_store_once_whatever_is_killed() {
    let bench = Bench::sqlite().await;
    let site = Arc::new(Site::new(&format!(
        "[upstream.central]\nurl = \"{}/api/v1/batches\"\ntoken_file = \"store.token\"\nsend = [\"work_report\", \"audit\"]\n",
        bench.address
    )));
    site.write("store.token", TOKEN);
    let answered: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    for cycle in 0..4_u64 {
        let gateway = site.start().await;
        let token = control(&site);
        let clients = (0..4).map(|client| {
            let (site, token, answered) = (Arc::clone(&site), token.clone(), Arc::clone(&answered));
            tokio::spawn(async move {
                let http = reqwest::Client::new();
                for nth in 0.. {
                    let name = format!("letter-{cycle}-{client}-{nth}");
                    match discard(&http, &site, &token, &name).await {
                        Ok(status) => assert_eq!(status, 404),
                        Err(_) => return,
                    }
                    let subject = format!("buffer/dead-letters/{name}/discard");
                    answered.lock().unwrap().insert(subject);
                }
            })
        });
        let clients: Vec<_> = clients.collect();
        // In the middle of it.
        let before = answered.lock().unwrap().len();
        until("some changes", async || {
            (answered.lock().unwrap().len() > before + 10).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(cycle * 37)).await;
        gateway.kill();
        for client in clients {
            client.await.unwrap();
        }
    }
    let _gateway = site.start().await;
    assert_whole(&site);
    let entries = entries(&site);
    let recorded: BTreeSet<String> = subjects(&entries, "discard").into_iter().collect();
    let answered = answered.lock().unwrap().clone();
    let missing: Vec<_> = answered.difference(&recorded).collect();
    assert!(missing.is_empty(), "{missing:?}");

    let count = "SELECT COUNT(*) FROM audit_log WHERE table_name = 'gateway'";
    let expected = entries.len().to_string();
    until("all entries in the store", async || {
        (bench.scalar(count).await == expected).then_some(())
    })
    .await;
    let different = "SELECT COUNT(DISTINCT record_id) FROM audit_log WHERE table_name = 'gateway'";
    assert_eq!(bench.scalar(different).await, expected);
    let last = entries.last().unwrap();
    let kept = format!(
        "SELECT new_value FROM audit_log WHERE table_name = 'gateway' AND record_id = {}",
        last["seq"]
    );
    let kept: Value = serde_json::from_str(&bench.scalar(&kept).await).unwrap();
    assert_eq!(&kept, last, "with its hash, so that the store can prove the log");
}
