use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::sockets;

/// A client's place; it stays the same for all its packets.
pub(super) type ClientId = usize;

/// The senders whose packets pass through the link, with a socket for each.
#[derive(Debug)]
pub(super) struct Clients {
    target: SocketAddr,
    places: HashMap<SocketAddr, ClientId>,
    clients: Vec<Client>,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) address: SocketAddr,
    /// Connected to the target.
    pub(super) socket: UdpSocket,
    last_heard: Duration,
}

/// The maximum number of clients: each has a socket, and the usual limit is 1024 files. One more replaces the client
/// that has been silent for longest.
const MOST: usize = 512;

impl Clients {
    pub(super) fn new(target: SocketAddr) -> Self {
        Self {
            target,
            places: HashMap::new(),
            clients: Vec::new(),
        }
    }

    /// The client of this address, new or known.
    pub(super) fn of(&mut self, address: SocketAddr, now: Duration) -> io::Result<ClientId> {
        if let Some(&id) = self.places.get(&address) {
            self.clients[id].last_heard = now;
            return Ok(id);
        }
        let client = Client {
            address,
            socket: toward(self.target)?,
            last_heard: now,
        };
        let id = if self.clients.len() < MOST {
            self.clients.push(client);
            self.clients.len() - 1
        } else {
            self.replace_silent(client)
        };
        self.places.insert(address, id);
        Ok(id)
    }

    pub(super) fn get(&self, id: ClientId) -> Option<&Client> {
        self.clients.get(id)
    }

    pub(super) fn sockets(&self) -> impl Iterator<Item = &UdpSocket> {
        self.clients.iter().map(|client| &client.socket)
    }

    fn replace_silent(&mut self, client: Client) -> ClientId {
        let silent = self.clients.iter().enumerate();
        let id = silent.min_by_key(|(_, client)| client.last_heard);
        let id = id.map_or(0, |(id, _)| id);
        self.places.remove(&self.clients[id].address);
        self.clients[id] = client;
        id
    }
}

fn toward(target: SocketAddr) -> io::Result<UdpSocket> {
    let local: SocketAddr = match target {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(local)?;
    socket.connect(target)?;
    sockets::prepare(&socket)?;
    Ok(socket)
}
