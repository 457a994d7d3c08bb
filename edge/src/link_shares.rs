use std::collections::BTreeMap;

use splitsim_feature::units::Bytes;
use splitsim_transport::LinkUsage;

/// Divides what a connection sends among the frames that are under way on it.
///
/// Time is cut where a frame's stream is opened and where its reply has arrived. The traffic between two
/// cuts is shared equally by the frames under way; traffic while none is under way belongs to none.
/// The shares therefore add up to what the connection counted while frames were under way, and a frame
/// that is alone has all of it.
#[derive(Debug, Default)]
pub(crate) struct LinkShares {
    /// The connection's count at the last cut.
    counted: LinkUsage,
    /// The traffic that could not be divided yet: fewer bytes and datagrams than frames.
    rest: LinkUsage,
    under_way: BTreeMap<u64, Passage>,
}

/// The traffic of a frame while it was under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Passage {
    /// The frame's share.
    pub(crate) share: LinkUsage,
    /// `true` if no other frame was under way at any time.
    pub(crate) alone: bool,
}

impl LinkShares {
    /// A frame's stream is opened, when the connection has sent so much.
    pub(crate) fn enter(&mut self, frame: u64, count: LinkUsage) {
        self.cut(count);
        let alone = self.under_way.is_empty();
        if !alone {
            for passage in self.under_way.values_mut() {
                passage.alone = false;
            }
        }
        let passage = Passage {
            alone,
            ..Passage::default()
        };
        self.under_way.insert(frame, passage);
    }

    /// A frame's reply is there, or will not come. One that has not entered has no share.
    pub(crate) fn leave(&mut self, frame: u64, count: LinkUsage) -> Passage {
        self.cut(count);
        self.under_way.remove(&frame).unwrap_or_default()
    }

    fn cut(&mut self, count: LinkUsage) {
        let sent = count.since(self.counted);
        self.counted = count;
        let frames = self.under_way.len() as u64;
        if frames == 0 {
            return;
        }
        let whole = self.rest + sent;
        let each = LinkUsage {
            datagrams: whole.datagrams / frames,
            udp_bytes: Bytes(whole.udp_bytes.0 / frames),
        };
        self.rest = LinkUsage {
            datagrams: whole.datagrams % frames,
            udp_bytes: Bytes(whole.udp_bytes.0 % frames),
        };
        for passage in self.under_way.values_mut() {
            passage.share = passage.share + each;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn usage(datagrams: u64, bytes: u64) -> LinkUsage {
        LinkUsage {
            datagrams,
            udp_bytes: Bytes(bytes),
        }
    }

    #[test]
    fn a_frame_that_is_alone_has_all_that_is_sent_from_its_stream_to_its_reply() {
        let mut shares = LinkShares::default();
        for (frame, from, to) in [
            (0, usage(3, 3_000), usage(14, 15_100)),
            (1, usage(15, 15_130), usage(20, 21_000)),
        ] {
            shares.enter(frame, from);
            let passage = shares.leave(frame, to);
            assert_eq!(passage.share, to.since(from));
            assert!(passage.alone);
        }
        assert_eq!(shares.leave(1, usage(21, 21_030)), Passage::default());
    }

    #[test]
    fn what_is_sent_while_several_are_under_way_is_shared_equally() {
        let mut shares = LinkShares::default();
        shares.enter(4, usage(1, 100));
        // Alone for 1000 bytes, two for 600, three for 300, two for 200, alone for 50.
        shares.enter(5, usage(11, 1_100));
        shares.enter(6, usage(17, 1_700));
        let four = shares.leave(4, usage(20, 2_000));
        let six = shares.leave(6, usage(22, 2_200));
        let five = shares.leave(5, usage(23, 2_250));
        assert_eq!(four.share, usage(10 + 3 + 1, 1_000 + 300 + 100));
        assert_eq!(five.share, usage(3 + 1 + 1 + 1, 300 + 100 + 100 + 50));
        assert_eq!(six.share, usage(1 + 1, 100 + 100));
        assert!(![four, five, six].iter().any(|passage| passage.alone));
    }

    /// No byte is lost and none is counted twice, in whatever order frames come and go.
    #[test]
    fn shares_add_up_to_what_was_sent_while_any_frame_was_under_way() {
        let mut shares = LinkShares::default();
        let (mut count, mut busy) = (LinkUsage::default(), LinkUsage::default());
        let (mut under_way, mut shared) = (Vec::new(), LinkUsage::default());
        let mut number = 1_u64;
        for frame in 0..500 {
            // Knuth's multiplicative generator, for steps without a pattern.
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let sent = usage((number >> 60) + 1, number >> 50);
            count = count + sent;
            if !under_way.is_empty() {
                busy = busy + sent;
            }
            let leaves = under_way.len() == 7 || (number >> 63 == 0 && !under_way.is_empty());
            if leaves {
                let leaving = under_way.remove((number >> 40) as usize % under_way.len());
                let passage = shares.leave(leaving, count);
                shared = shared + passage.share;
            } else {
                shares.enter(frame, count);
                under_way.push(frame);
            }
        }
        for frame in under_way {
            shared = shared + shares.leave(frame, count).share;
        }
        assert_eq!(shared, busy);
    }
}
