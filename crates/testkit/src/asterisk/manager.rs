//! As much of the manager interface as tests need to see and drive Asterisk; it shares nothing with our client.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::fail;

/// A block of lines: an event, or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message(Vec<(String, String)>);

impl Message {
    /// The value of a key, empty where there is none; of a repeated key the first.
    pub fn get(&self, key: &str) -> &str {
        self.all(key).next().unwrap_or_default()
    }

    /// Every value of a key.
    pub fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        let pairs = self.0.iter().filter(move |(name, _)| name == key);
        pairs.map(|(_, value)| value.as_str())
    }

    fn parse(block: &str) -> Self {
        let lines = block.lines().filter_map(|line| line.split_once(':'));
        Self(
            lines
                .map(|(key, value)| (key.to_owned(), value.trim_start().to_owned()))
                .collect(),
        )
    }
}

/// One connection, logged in, that is told every event.
#[derive(Debug)]
pub struct Manager {
    stream: TcpStream,
    received: String,
}

impl Manager {
    /// Connects to an Asterisk that has booted, or gives nothing.
    pub(super) async fn connect(address: SocketAddr, user: &str, secret: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        let mut manager = Self {
            stream,
            received: String::new(),
        };
        manager
            .send("Login", &[("Username", user), ("Secret", secret)])
            .await?;
        while manager.next().await?.get("Event") != "FullyBooted" {}
        Some(manager)
    }

    /// The next message; nothing when Asterisk has closed the connection.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((block, rest)) = self.received.split_once("\r\n\r\n") {
                let message = Message::parse(block);
                self.received = rest.to_owned();
                return Some(message);
            }
            let mut bytes = [0; 8192];
            let length = self.stream.read(&mut bytes).await.ok()?;
            if length == 0 {
                return None;
            }
            let bytes = bytes.get(..length).unwrap_or_default();
            self.received.push_str(&String::from_utf8_lossy(bytes));
        }
    }

    /// Sends an action.
    pub(super) async fn send(&mut self, action: &str, fields: &[(&str, &str)]) -> Option<()> {
        let mut text = format!("Action: {action}\r\nActionID: testkit\r\n");
        for (key, value) in fields {
            text.push_str(&format!("{key}: {value}\r\n"));
        }
        text.push_str("\r\n");
        self.stream.write_all(text.as_bytes()).await.ok()
    }

    /// Sends an action and gives its answer; events that come before it are lost.
    pub async fn ask(&mut self, action: &str, fields: &[(&str, &str)]) -> Option<Message> {
        self.send(action, fields).await?;
        loop {
            let message = self.next().await?;
            if !message.get("Response").is_empty() {
                return Some(message);
            }
        }
    }

    /// What is told from now on, until it is enough.
    ///
    /// # Panics
    /// When Asterisk ends before it is, or half a minute passes.
    pub async fn until(&mut self, is_enough: impl Fn(&[Message]) -> bool) -> Vec<Message> {
        let mut told = Vec::new();
        crate::wait_for("events of Asterisk", async || {
            while !is_enough(&told) {
                match self.next().await {
                    Some(message) => told.push(message),
                    None => fail("Asterisk ended before it told enough"),
                }
            }
            Some(())
        })
        .await;
        told
    }

    /// What is told from now on, until there was a call and every channel of it is gone.
    pub async fn until_all_is_over(&mut self) -> Vec<Message> {
        self.until(|told| {
            let count = |event| {
                told.iter()
                    .filter(|message| message.get("Event") == event)
                    .count()
            };
            count("Newchannel") > 0 && count("Newchannel") == count("Hangup")
        })
        .await
    }

    /// Every channel that there is.
    pub(super) async fn channels(&mut self) -> Option<Vec<Message>> {
        self.send("CoreShowChannels", &[]).await?;
        let mut channels = Vec::new();
        loop {
            let message = self.next().await?;
            match message.get("Event") {
                "CoreShowChannel" => channels.push(message),
                "CoreShowChannelsComplete" => return Some(channels),
                _ => {}
            }
        }
    }
}
