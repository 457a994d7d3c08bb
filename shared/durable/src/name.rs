//! Names of things as names of files.

use std::collections::BTreeMap;

/// The longest encoded name, in bytes: what file systems take, less the endings that files get.
const MAX_BYTES: usize = 200;
/// Endings of pictures, which the names of what is made of them go without.
pub const PICTURE_ENDINGS: [&str; 12] = [
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "jif", "webp", "bmp", "tif", "tiff", "ppm",
];
/// Stands before the digest of a name that is too long, and nowhere else.
const CUT: char = '~';

/// File names, without endings, for things with these names: one each, no two the same.
///
/// A picture's name goes without its ending, `room` for `room.png`, unless another thing would have that
/// name too: then both keep theirs, `room.png` and `room.jpg`. Everything else is as in
/// [`encode_name`]. Which name a thing gets depends on the set of names alone, not on their order.
///
/// # Errors
/// The first name that stands twice.
pub fn file_names<'a>(names: &[&'a str]) -> Result<Vec<String>, &'a str> {
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(twice[0]);
    }
    let mut short = vec![true; names.len()];
    loop {
        let chosen: Vec<String> = names
            .iter()
            .zip(&short)
            .map(|(name, short)| encode_name(if *short { picture_stem(name) } else { name }))
            .collect();
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for name in &chosen {
            *uses.entry(name).or_default() += 1;
        }
        let clashes = |place: usize| uses[chosen[place].as_str()] > 1 && short[place];
        let clashing: Vec<usize> = (0..names.len()).filter(|&place| clashes(place)).collect();
        if clashing.is_empty() {
            return Ok(chosen);
        }
        clashing.into_iter().for_each(|place| short[place] = false);
    }
}

/// A file name for any name; different names have different ones.
///
/// Bytes that a file name cannot or should not have are written as in URLs: `/`, `\`, `%`, `~`, control
/// characters, and a dot at the beginning. A result of more than 200 bytes is cut off and ends in `~`
/// and the digest of the name.
///
/// ```
/// use splitsim_durable::encode_name;
///
/// assert_eq!(encode_name("frame.0"), "frame.0");
/// assert_eq!(encode_name("../room 1.png"), "%2E.%2Froom 1.png");
/// ```
#[must_use]
pub fn encode_name(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for (place, c) in name.char_indices() {
        if is_plain(c, place) {
            encoded.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    match encoded.is_empty() {
        // No encoding of anything else is a lone sign of an escape.
        true => "%".to_owned(),
        false => shortened(encoded, name),
    }
}

/// The name that [`encode_name`] made this file name of; `None` where it was cut off, or is none.
#[must_use]
pub fn decode_name(file_name: &str) -> Option<String> {
    if file_name == "%" {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(file_name.len());
    let mut rest = file_name.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            plain => plain,
        });
    }
    let name = String::from_utf8(bytes).ok()?;
    (encode_name(&name) == file_name).then_some(name)
}

fn is_plain(c: char, place: usize) -> bool {
    match c {
        '/' | '\\' | '%' | CUT => false,
        '.' => place > 0,
        c => !c.is_control(),
    }
}

/// A picture's name without its ending, in any case; any other name as it is.
///
/// ```
/// use splitsim_durable::picture_stem;
///
/// assert_eq!(picture_stem("room.JPG"), "room");
/// assert_eq!(picture_stem("frame.0"), "frame.0");
/// ```
#[must_use]
pub fn picture_stem(name: &str) -> &str {
    let is_picture = |ending: &str| {
        let mut endings = PICTURE_ENDINGS.iter();
        endings.any(|of| ending.eq_ignore_ascii_case(of))
    };
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && is_picture(ending) => stem,
        _ => name,
    }
}

fn shortened(mut encoded: String, name: &str) -> String {
    if encoded.len() <= MAX_BYTES {
        return encoded;
    }
    let digest = blake3::hash(name.as_bytes()).to_hex();
    let digest = &digest.as_str()[..DIGITS];
    let mut end = MAX_BYTES - DIGITS - CUT.len_utf8();
    while !encoded.is_char_boundary(end) {
        end -= 1;
    }
    encoded.truncate(end);
    format!("{encoded}{CUT}{digest}")
}

/// Hexadecimal digits of a digest: 128 bits, too many to meet by chance.
const DIGITS: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_endings_of_pictures_are_left_out_and_only_where_that_is_safe() {
        let check = |names: &[&str], expected: &[&str]| {
            assert_eq!(file_names(names).unwrap(), expected);
        };
        check(&["frame.0", "frame.1"], &["frame.0", "frame.1"]);
        check(&["frame.0.jpg", "b.JPEG"], &["frame.0", "b"]);
        check(
            &["room.jpg", "room.png", "hall.png"],
            &["room.jpg", "room.png", "hall"],
        );
        check(
            &["a.png", "a.jpg", "a.png.jpg"],
            &["a.png", "a.jpg", "a.png.jpg"],
        );
        check(&["a.png", "a"], &["a.png", "a"]);
        check(&[".png", "..", "n/a.png"], &["%2Epng", "%2E.", "n%2Fa"]);
        assert_eq!(file_names(&["a.png", "b.png", "a.png"]), Err("a.png"));
    }

    #[test]
    fn names_that_are_too_long_are_cut_and_stay_apart() {
        let long = |end: &str| format!("{}{end}", "ä".repeat(150));
        let (a, b) = (encode_name(&long("1")), encode_name(&long("2")));
        assert!(a.len() <= MAX_BYTES && b.len() <= MAX_BYTES);
        assert_ne!(a, b);
        assert_ne!(encode_name(&a), a, "no short name is like a cut one");
        assert_eq!(decode_name(&a), None);
    }

    proptest! {
        #[test]
        fn every_name_comes_back_from_its_file_name(name in any::<String>()) {
            let encoded = encode_name(&name);
            prop_assert!(encoded.len() <= MAX_BYTES && !encoded.is_empty());
            prop_assert!(!encoded.starts_with('.') && !encoded.contains(['/', '\0', '\n']));
            if !encoded.contains(CUT) {
                prop_assert_eq!(decode_name(&encoded), Some(name));
            }
        }

        #[test]
        fn no_two_names_share_a_file(names in proptest::collection::btree_set("[ab./%]{0,3}(\\.png|\\.JPG|)", 1..12)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let files: std::collections::BTreeSet<_> = file_names(&names).unwrap().into_iter().collect();
            prop_assert_eq!(files.len(), names.len());
        }
    }
}
