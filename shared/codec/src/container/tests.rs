use proptest::prelude::*;
use splitsim_model::ValueRange;

use super::*;

fn header(ranges: Ranges) -> Header {
    Header {
        codec: CodecId::Hevc,
        task: Task::Dpt,
        level: Level(7),
        shape: FeatureShape::new(2, 4, 257, 192).unwrap(),
        depth: BitDepth::TEN,
        ranges,
        symbols: SymbolDigest(*b"symbols!"),
    }
}

fn package() -> Container {
    let header = header(Ranges::Package(*b"my table"));
    Container::new(header, Bytes::from_static(b"payload")).unwrap()
}

fn inline() -> Container {
    let range = |min: f32| ValueRange::new(min, 2.0).unwrap();
    let header = header(Ranges::Inline([-1.0, -2.0, 0.5, 1.0].map(range).to_vec()));
    Container::new(header, Bytes::from_static(b"payload")).unwrap()
}

fn codebook() -> Container {
    let header = header(Ranges::Codebook(*b"my codes"));
    Container::new(header, Bytes::from_static(b"payload")).unwrap()
}

fn published() -> Container {
    Container::new(header(Ranges::Published), Bytes::from_static(b"payload")).unwrap()
}

fn parse(bytes: &[u8]) -> Result<Container, ContainerError> {
    Container::parse(&Bytes::copy_from_slice(bytes), &Limits::default())
}

/// Changes bytes and makes the CRC right again.
fn forged(container: &Container, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut forged = container.to_bytes().to_vec();
    forged[offset..offset + bytes.len()].copy_from_slice(bytes);
    let crc = crc(&forged).to_le_bytes();
    forged[34..38].copy_from_slice(&crc);
    forged
}

#[test]
fn the_bytes_are_those_of_the_table() {
    #[rustfmt::skip]
    let mut expected = vec![
        b'S', b'P', b'L', b'F', 1, 1, 3, 7, 10, 0,
        2, 0, 4, 0, 1, 1, 0, 0, 192, 0, 0, 0, 7, 0, 0, 0,
        b's', b'y', b'm', b'b', b'o', b'l', b's', b'!',
        // CRC-32C by bit-wise division, see the test below.
        0, 0, 0, 0,
        b'm', b'y', b' ', b't', b'a', b'b', b'l', b'e',
        b'p', b'a', b'y', b'l', b'o', b'a', b'd',
    ];
    let covered: Vec<u8> = [&expected[..34], &expected[38..]].concat();
    expected[34..38].copy_from_slice(&bitwise_crc32c(&covered).to_le_bytes());
    assert_eq!(package().to_bytes(), expected);
    assert_eq!(
        package().container_bytes(),
        units::Bytes(expected.len() as u64)
    );
    assert_eq!(package().payload_bytes(), units::Bytes(7));
    let bits = expected.len() as f64 * 8.0;
    assert_eq!(package().bpfp().0, bits / (2.0 * 4.0 * 257.0 * 192.0));
}

/// RFC 3720, appendix B.4: polynomial 0x1EDC6F41 reflected, all ones in and out.
fn bitwise_crc32c(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
    !bytes
        .iter()
        .fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), shift))
}

#[test]
fn the_crc_is_the_castagnoli_one() {
    // The check value of CRC-32C in the catalogue of parametrised CRC algorithms.
    assert_eq!(bitwise_crc32c(b"123456789"), 0xE306_9283);
}

#[test]
fn inline_ranges_take_eight_bytes_a_layer() {
    let bytes = inline().to_bytes();
    assert_eq!(bytes.len(), 38 + 4 * 8 + 7);
    assert_eq!(bytes[9], 1);
    assert_eq!(bytes[38..46], [0, 0, 0x80, 0xBF, 0, 0, 0, 0x40]);
}

#[test]
fn a_codebook_takes_eight_bytes_and_a_published_table_none() {
    let [codebook, published] = [codebook(), published()].map(|c| c.to_bytes());
    assert_eq!((codebook.len(), codebook[9]), (38 + 8 + 7, 3));
    assert_eq!(codebook[38..46], *b"my codes");
    assert_eq!((published.len(), published[9]), (38 + 7, 2));
}

#[test]
fn what_was_written_reads_back() {
    for container in [package(), inline(), codebook(), published()] {
        assert_eq!(parse(&container.to_bytes()), Ok(container));
    }
}

#[test]
fn each_kind_of_nonsense_has_its_error() {
    let bytes = package().to_bytes();
    let check = |bytes: &[u8], expected: ContainerError| {
        assert_eq!(parse(bytes).unwrap_err(), expected);
    };
    check(
        &bytes[..37],
        ContainerError::Truncated {
            expected: 38,
            actual: 37,
        },
    );
    check(
        &bytes[..52],
        ContainerError::Truncated {
            expected: 53,
            actual: 52,
        },
    );
    check(
        &[&bytes[..], b"!"].concat(),
        ContainerError::TrailingBytes {
            expected: 53,
            actual: 54,
        },
    );
    check(b"GIF89a", ContainerError::Magic(*b"GIF8"));
    check(b"SPLF\x02", ContainerError::Version(2));
    check(&forged(&package(), 5, &[99]), ContainerError::Codec(99));
    check(&forged(&package(), 6, &[0]), ContainerError::Task(0));
    check(&forged(&package(), 8, &[17]), ContainerError::Depth(17));
    check(&forged(&package(), 9, &[4]), ContainerError::RangeMode(4));
    let empty = forged(&package(), 10, &[0, 0]);
    assert!(matches!(
        parse(&empty).unwrap_err(),
        ContainerError::Shape(_)
    ));
    let turned = forged(&inline(), 38, &3f32.to_le_bytes());
    let (layer, min, max) = (0, 3.0, 2.0);
    check(&turned, ContainerError::Range { layer, min, max });
}

#[test]
fn declared_sizes_are_held_against_the_limits() {
    let bytes = package().to_bytes();
    let limits = Limits {
        payload_bytes: 6,
        ..Limits::default()
    };
    assert_eq!(
        Container::parse(&bytes, &limits),
        Err(ContainerError::PayloadTooLong { bytes: 7, limit: 6 })
    );
    let limits = Limits {
        points: 1000,
        ..Limits::default()
    };
    assert!(matches!(
        Container::parse(&bytes, &limits),
        Err(ContainerError::TooManyPoints { limit: 1000, .. })
    ));
    let huge = forged(&package(), 22, &u32::MAX.to_le_bytes());
    assert!(matches!(
        parse(&huge),
        Err(ContainerError::PayloadTooLong { .. })
    ));
}

#[test]
fn what_does_not_fit_is_refused_when_written() {
    let mut wide = header(Ranges::Package([0; 8]));
    wide.shape = FeatureShape::new(65_536, 1, 1, 1).unwrap();
    assert!(matches!(
        Container::new(wide, Bytes::new()),
        Err(ContainerError::ShapeTooLarge { .. })
    ));
    let ranges = Ranges::Inline(vec![ValueRange::new(0.0, 1.0).unwrap()]);
    assert_eq!(
        Container::new(header(ranges), Bytes::new()),
        Err(ContainerError::RangeCount {
            expected: 4,
            actual: 1
        })
    );
}

proptest! {
    #[test]
    fn any_flipped_bit_is_found(inlined: bool, bit in 0usize..1_000_000) {
        let container = if inlined { inline() } else { package() };
        let mut bytes = container.to_bytes().to_vec();
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(parse(&bytes).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_no_container(bytes: Vec<u8>) {
        prop_assert!(parse(&bytes).is_err());
    }

    #[test]
    fn arbitrary_fields_never_panic(fields in prop::collection::vec(any::<u8>(), 29..200)) {
        let mut bytes = package().to_bytes().to_vec();
        bytes.truncate(5);
        bytes.extend(&fields);
        // Right length and CRC, so that every field behind them is reached.
        if bytes.len() >= 46 {
            bytes[9] %= 4;
            let ranges = Ranges::len_of_mode(bytes[9], u16_at(&bytes, 12)).unwrap();
            let payload = bytes.len().saturating_sub(38 + ranges) as u32;
            bytes[22..26].copy_from_slice(&payload.to_le_bytes());
            let crc = crc(&bytes).to_le_bytes();
            bytes[34..38].copy_from_slice(&crc);
        }
        if let Ok(container) = parse(&bytes) {
            prop_assert_eq!(container.to_bytes(), bytes);
        }
    }
}
