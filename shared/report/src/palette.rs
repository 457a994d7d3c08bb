//! Colours that stay apart for colour-blind readers, on light and on dark.

use plotly::common::{DashType, MarkerSymbol};

/// One of the page's eight colours, by number; larger numbers start over with another dash and
/// another symbol, so that no two of the first forty series look alike.
///
/// The colours themselves are the custom properties `--hue-0` to `--hue-7` of `assets/page.css`:
/// one set for each theme, after Okabe and Ito, "Color Universal Design" (2008), darkened or
/// lightened until each stands out from its background by 3 : 1 (WCAG 2.2, 1.4.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hue(pub usize);

/// A colour of the page's theme, resolved in the browser when a figure is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Themed {
    Hue(Hue),
    Ink,
    /// Text of less weight.
    Soft,
    /// The background, for outlines.
    Card,
    /// The background, through which something can be seen.
    Veil,
    /// Behind what is worth a warning.
    Warn,
    Nothing,
}

impl Hue {
    /// Distinct colours.
    pub const COUNT: usize = 8;

    pub(crate) fn dash(self) -> DashType {
        match self.0 / Self::COUNT % 5 {
            0 => DashType::Solid,
            1 => DashType::Dash,
            2 => DashType::Dot,
            3 => DashType::DashDot,
            _ => DashType::LongDash,
        }
    }

    /// The symbol in outline.
    pub(crate) fn open_symbol(self) -> MarkerSymbol {
        const SYMBOLS: [MarkerSymbol; 7] = [
            MarkerSymbol::CircleOpen,
            MarkerSymbol::SquareOpen,
            MarkerSymbol::DiamondOpen,
            MarkerSymbol::TriangleUpOpen,
            MarkerSymbol::CrossOpen,
            MarkerSymbol::TriangleDownOpen,
            MarkerSymbol::XOpen,
        ];
        SYMBOLS[self.0 % SYMBOLS.len()].clone()
    }

    /// Symbols differ already within the first eight, for readers who cannot tell the colours.
    pub(crate) fn symbol(self) -> MarkerSymbol {
        const SYMBOLS: [MarkerSymbol; 7] = [
            MarkerSymbol::Circle,
            MarkerSymbol::Square,
            MarkerSymbol::Diamond,
            MarkerSymbol::TriangleUp,
            MarkerSymbol::Cross,
            MarkerSymbol::TriangleDown,
            MarkerSymbol::X,
        ];
        SYMBOLS[self.0 % SYMBOLS.len()].clone()
    }
}

impl Themed {
    /// The word that `assets/page.js` replaces by the theme's colour.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Hue(Hue(number)) => format!("theme:hue-{}", number % Hue::COUNT),
            Self::Ink => "theme:ink".to_owned(),
            Self::Soft => "theme:soft".to_owned(),
            Self::Card => "theme:card".to_owned(),
            Self::Veil => "theme:veil".to_owned(),
            Self::Warn => "theme:warn".to_owned(),
            Self::Nothing => "rgba(0,0,0,0)".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSS: &str = include_str!("../assets/page.css");

    /// The light and the dark value of a custom property `--name: light-dark(#rrggbb, #rrggbb)`.
    fn themes(name: &str) -> [[f64; 3]; 2] {
        let start = format!("--{name}: light-dark(");
        let (_, rest) = CSS.split_once(&start).unwrap_or_else(|| panic!("{name}"));
        let (pair, _) = rest.split_once(')').unwrap();
        let mut colours = pair.split(',').map(|colour| {
            let hex = colour.trim().strip_prefix('#').unwrap();
            [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0)
        });
        [colours.next().unwrap(), colours.next().unwrap()]
    }

    /// Linear light of an sRGB sample, WCAG 2.2 "relative luminance".
    fn linear(sample: f64) -> f64 {
        match sample <= 0.04045 {
            true => sample / 12.92,
            false => ((sample + 0.055) / 1.055).powf(2.4),
        }
    }

    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let luminance = |[red, green, blue]: [f64; 3]| {
            0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
        };
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn text_and_marks_stand_out_from_their_backgrounds() {
        assert!((contrast([1.0; 3], [0.0; 3]) - 21.0).abs() < 1e-9);
        for ground in ["page", "card"] {
            for (name, least) in [("ink", 7.0), ("soft", 4.5), ("link", 4.5)] {
                for (ink, ground) in themes(name).into_iter().zip(themes(ground)) {
                    let found = contrast(ink, ground);
                    assert!(found >= least, "{name} on {ground:?}: {found:.2}");
                }
            }
        }
        for number in 0..Hue::COUNT {
            let hue = themes(&format!("hue-{number}"));
            for (theme, (hue, card)) in hue.into_iter().zip(themes("card")).enumerate() {
                let found = contrast(hue, card);
                assert!(found >= 3.0, "hue {number}, theme {theme}: {found:.2}");
            }
        }
    }

    /// Colours as a reader without one kind of cone sees them, in linear light: Machado, Oliveira,
    /// Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009),
    /// severity 1.
    const DEFICIENCIES: [[[f64; 3]; 3]; 2] = [
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ];

    /// CIE L*a*b* (D65) of a colour in linear light.
    fn lab([red, green, blue]: [f64; 3]) -> [f64; 3] {
        let root = |value: f64| match value > 0.008_856 {
            true => value.cbrt(),
            false => 7.787 * value + 16.0 / 116.0,
        };
        let x = root((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.950_47);
        let y = root(0.2126 * red + 0.7152 * green + 0.0722 * blue);
        let z = root((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.088_83);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn the_first_five_colours_stay_apart_for_colour_blind_readers() {
        for matrix in DEFICIENCIES {
            for theme in [0, 1] {
                let seen: Vec<[f64; 3]> = (0..5)
                    .map(|number| {
                        let light = themes(&format!("hue-{number}"))[theme].map(linear);
                        let dot = |row: [f64; 3]| row.iter().zip(light).map(|(a, b)| a * b).sum();
                        lab(matrix.map(dot))
                    })
                    .collect();
                for one in 0..5 {
                    for other in 0..one {
                        let squares = seen[one]
                            .iter()
                            .zip(seen[other])
                            .map(|(a, b)| (a - b).powi(2));
                        let difference = squares.sum::<f64>().sqrt();
                        // 2.3 is just noticeable; four times that is clear at a marker's size.
                        assert!(
                            difference > 9.2,
                            "{one}, {other}, theme {theme}: {difference:.1}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn series_beyond_the_palette_look_different() {
        let looks = |hue: Hue| {
            let words = (Themed::Hue(hue).word(), hue.dash(), hue.symbol());
            serde_json::to_string(&words).unwrap()
        };
        let all: std::collections::BTreeSet<String> = (0..40).map(|hue| looks(Hue(hue))).collect();
        assert_eq!(all.len(), 40);
    }
}
