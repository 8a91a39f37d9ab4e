//! The smallest client of Redis that will do, so that tests can look into a server without the crate under test or
//! the driver it uses.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

/// A test that waits longer than this for one reply waits forever.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One connection, logged in.
#[derive(Debug)]
pub struct Client(BufReader<TcpStream>);

impl Client {
    /// `redis://[[user]:password@]host[:port][/database]`
    pub fn connect(url: &str) -> io::Result<Self> {
        let rest =
            url.strip_prefix("redis://").ok_or_else(|| io::Error::other(format!("not a redis:// URL: {url}")))?;
        let (rest, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = rest.rsplit_once('@').unwrap_or(("", rest));
        let address = if host.contains(':') { host.to_owned() } else { format!("{host}:6379") };

        let address = address.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("no such host"))?;
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        let mut client = Self(BufReader::new(stream));
        if let Some((user, password)) = login.split_once(':') {
            let user = if user.is_empty() { "default" } else { user };
            client.command(&["AUTH", user, password])?;
        }
        if !database.is_empty() {
            client.command(&["SELECT", database])?;
        }
        Ok(client)
    }

    /// Arrays come as one element a line, null as nothing, an error reply as an error.
    pub fn command(&mut self, words: &[&str]) -> io::Result<String> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.0.get_mut().write_all(request.as_bytes())?;
        self.reply()
    }

    /// The next reply, or message of a channel subscribed to.
    pub fn reply(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).ok_or(io::ErrorKind::UnexpectedEof)?;
        match kind {
            "+" | ":" => Ok(rest.to_owned()),
            "-" => Err(io::Error::other(rest.to_owned())),
            "$" | "*" if rest.starts_with('-') => Ok(String::new()),
            "$" => self.bulk(rest.parse().map_err(io::Error::other)?),
            "*" => {
                let length: usize = rest.parse().map_err(io::Error::other)?;
                let elements: io::Result<Vec<_>> = (0..length).map(|_| self.reply()).collect();
                Ok(elements?.join("\n"))
            }
            _ => Err(io::Error::other(format!("not a reply of Redis: {line}"))),
        }
    }

    fn bulk(&mut self, length: usize) -> io::Result<String> {
        let mut bytes = vec![0; length + "\r\n".len()];
        self.0.read_exact(&mut bytes)?;
        bytes.truncate(length);
        // Packed logs are binary; what a test looks for in them is text.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
