//! The buffer of a gateway that runs, asked for through its window.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, anyhow};
use reqwest::Method;
use serde_json::Value;

use crate::buffer::DeadLetter;
use crate::files;
use crate::forward::http;
use crate::record::Lane;
use crate::secret::Secret;
use crate::tls::{self, Pair};

pub struct Running {
    client: reqwest::Client,
    pub address: String,
    token: Secret,
}

impl Running {
    /// At the address where it listens, with the certificate of its configuration if it has one.
    pub fn new(listen: SocketAddr, tls: Option<&Pair>, token: Secret) -> anyhow::Result<Self> {
        let here = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from((Ipv4Addr::LOCALHOST, listen.port())),
            IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::from((Ipv6Addr::LOCALHOST, listen.port())),
            _ => listen,
        };
        let (scheme, client) = match tls {
            Some(pair) => {
                let own = tls::client_of(&pair.cert).map_err(|why| anyhow!(why))?;
                ("https", http::client_with(own)?)
            }
            None => ("http", http::client()?),
        };
        Ok(Self {
            client,
            address: format!("{scheme}://{here}"),
            token,
        })
    }

    /// Or why it does not answer.
    pub async fn is_there(&self) -> Result<(), String> {
        let asked = self.client.get(format!("{}/healthz", self.address)).send().await;
        asked.map(drop).map_err(|error| files::causes(&error.without_url()))
    }

    pub async fn ask(&self, method: Method, path: &str, body: Option<String>) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1/{path}", self.address);
        let mut request = self.client.request(method, url).bearer_auth(self.token.reveal());
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.context("the running gateway does not answer")?;
        let status = response.status();
        let answer: Value = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        if status.is_success() {
            Ok(answer)
        } else {
            Err(anyhow!("{}", answer["detail"].as_str().unwrap_or(status.as_str())))
        }
    }

    pub async fn letters(&self) -> anyhow::Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("buffer/dead-letters?limit=1000&after={after}");
            let page = self.ask(Method::GET, &path, None).await?;
            letters.append(&mut serde_json::from_str(&page["dead_letters"].to_string())?);
            match page["next"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => return Ok(letters),
            }
        }
    }

    pub async fn each(&self, mut take: impl FnMut(Lane, u64, &str, &str) -> std::io::Result<()>) -> anyhow::Result<()> {
        for lane in Lane::BOTH {
            let mut from = 0;
            loop {
                let page = self
                    .ask(Method::GET, &format!("buffer/records?lane={lane}&from={from}"), None)
                    .await?;
                let messages = page["messages"].as_array().cloned().unwrap_or_default();
                for message in &messages {
                    let id = message["message_id"].as_str().unwrap_or_default();
                    take(
                        lane,
                        message["sequence"].as_u64().unwrap_or_default(),
                        id,
                        &message.to_string(),
                    )?;
                }
                let next = page["next"].as_u64().unwrap_or_default();
                if messages.is_empty() || next <= from {
                    break;
                }
                from = next;
            }
        }
        Ok(())
    }
}
