/// The known name that is most like `name`, unless none is much like it.
///
/// Case does not count. A name is like another when at most a third of its characters, rounded up, are to
/// be changed, exchanged, added or left out, or when one begins with the other.
///
/// ```
/// use splitsim_display::nearest;
///
/// assert_eq!(nearest("cosin", ["mse", "cosine", "cka"]), Some("cosine"));
/// assert_eq!(nearest("ssim", ["mse", "cosine", "cka"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let length = wanted.chars().count();
    let permitted = length.div_ceil(3).min(length.saturating_sub(1));
    let measured = known.into_iter().map(|known| {
        let lower = known.to_lowercase();
        let begins = length >= 3
            && !lower.is_empty()
            && (lower.starts_with(&wanted) || wanted.starts_with(&lower));
        let distance = strsim::damerau_levenshtein(&wanted, &lower);
        (
            known,
            if begins {
                distance.min(permitted)
            } else {
                distance
            },
        )
    });
    let (nearest, distance) = measured.min_by_key(|&(_, distance)| distance)?;
    (distance <= permitted).then_some(nearest)
}

/// The known name that is most like `name`, however little; `None` only where none is known.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(name, known);
    known.into_iter().min_by_key(distance)
}

/// `, did you mean 'cosine'?`, to follow a message that names what is unknown; empty when no known name
/// is [`nearest`].
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |nearest| {
        format!(", did you mean '{}'?", crate::printable(nearest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["threshold", "bisect", "budget", "gram-distance", "cls"];

    #[test]
    fn a_slip_is_recognised() {
        for (slip, meant) in [
            ("treshold", "threshold"),
            ("bisekt", "bisect"),
            ("Budget", "budget"),
            ("gram", "gram-distance"),
            ("gram_distance", "gram-distance"),
            ("csl", "cls"),
        ] {
            assert_eq!(nearest(slip, KNOWN), Some(meant), "{slip}");
        }
    }

    #[test]
    fn what_is_like_nothing_has_no_nearest() {
        for foreign in ["", "x", "pose", "vibes", "ssim"] {
            assert_eq!(nearest(foreign, KNOWN), None, "{foreign}");
            assert_eq!(did_you_mean(foreign, KNOWN), "");
        }
        assert_eq!(did_you_mean("bisct", KNOWN), ", did you mean 'bisect'?");
    }
}
