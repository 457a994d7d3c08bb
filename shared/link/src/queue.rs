use std::collections::VecDeque;
use std::time::Duration;

use splitsim_feature::units::Bytes;

use crate::codel::{Codel, CodelConfig, Head};

/// The queue in which packets wait for the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueConfig {
    /// The capacity; a packet that would exceed it is dropped. The packet in service does not
    /// count.
    pub limit: Limit,
    /// CoDel's parameters, if CoDel limits the waiting time as well.
    pub codel: Option<CodelConfig>,
}

/// The capacity of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// So many packets.
    Packets(usize),
    /// So many bytes of IP packets.
    Bytes(Bytes),
    /// Any number: memory is the limit.
    None,
}

impl Default for QueueConfig {
    /// As Linux has it on an interface: 1000 packets.
    fn default() -> Self {
        Self {
            limit: Limit::Packets(1000),
            codel: None,
        }
    }
}

/// A packet on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet<T> {
    pub(crate) bytes: u32,
    pub(crate) arrived: Duration,
    pub(crate) payload: T,
}

#[derive(Debug, Clone)]
pub(crate) struct Queue<T> {
    packets: VecDeque<Packet<T>>,
    bytes: u64,
    limit: Limit,
    codel: Option<Codel>,
}

/// RFC 8289 section 5.6: a queue of no more than one full packet is not a standing one.
const MAX_PACKET_BYTES: u64 = 1500;

impl<T> Queue<T> {
    pub(crate) fn new(config: QueueConfig) -> Self {
        Self {
            packets: VecDeque::new(),
            bytes: 0,
            limit: config.limit,
            codel: config.codel.map(Codel::new),
        }
    }

    /// Takes a packet, or gives it back when there is no room.
    pub(crate) fn push(&mut self, packet: Packet<T>) -> Result<(), Packet<T>> {
        let bytes = self.bytes + u64::from(packet.bytes);
        let fits = match self.limit {
            Limit::Packets(limit) => self.packets.len() < limit,
            Limit::Bytes(limit) => bytes <= limit.0,
            Limit::None => true,
        };
        if !fits {
            return Err(packet);
        }
        self.bytes = bytes;
        self.packets.push_back(packet);
        Ok(())
    }

    /// The next packet to be sent; `dropped` gets those that CoDel does not send.
    pub(crate) fn pop(
        &mut self,
        now: Duration,
        dropped: impl FnMut(Packet<T>),
    ) -> Option<Packet<T>> {
        let Self {
            packets,
            bytes,
            codel,
            ..
        } = self;
        let mut take = || {
            let packet = packets.pop_front()?;
            *bytes -= u64::from(packet.bytes);
            let head = Head {
                sojourn: now.saturating_sub(packet.arrived),
                nearly_empty: *bytes <= MAX_PACKET_BYTES,
            };
            Some((packet, head))
        };
        match codel {
            None => take().map(|(packet, _)| packet),
            Some(codel) => codel.dequeue(now, take, dropped),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(crate) const fn bytes(&self) -> Bytes {
        Bytes(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(limit: Limit) -> Queue<u32> {
        Queue::new(QueueConfig { limit, codel: None })
    }

    fn fill(queue: &mut Queue<u32>, bytes: u32) -> bool {
        let packet = Packet {
            bytes,
            arrived: Duration::ZERO,
            payload: bytes,
        };
        queue.push(packet).is_ok()
    }

    #[test]
    fn the_tail_is_dropped_at_the_limit_in_packets() {
        let mut queue = queue(Limit::Packets(2));
        assert!(fill(&mut queue, 1500) && fill(&mut queue, 1));
        assert!(!fill(&mut queue, 1));
        let popped = queue
            .pop(Duration::ZERO, |_| ())
            .map(|packet| packet.payload);
        assert_eq!(popped, Some(1500));
        assert!(fill(&mut queue, 1));
    }

    #[test]
    fn the_tail_is_dropped_at_the_limit_in_bytes() {
        let mut queue = queue(Limit::Bytes(Bytes(3000)));
        assert!(fill(&mut queue, 1500) && fill(&mut queue, 1000));
        assert!(!fill(&mut queue, 501), "one byte too many");
        assert!(fill(&mut queue, 500));
        assert_eq!(queue.bytes(), Bytes(3000));
        assert_eq!(queue.len(), 3);
    }
}
