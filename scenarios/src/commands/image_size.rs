use std::fmt;
use std::str::FromStr;

use splitsim_source::ImageExtent;

/// The size of a picture as it is typed: `WIDTHxHEIGHT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageSizeArg(pub(crate) ImageExtent);

impl FromStr for ImageSizeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('x')
            .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
            .and_then(|(width, height)| ImageExtent::new(width, height))
            .map(Self)
            .ok_or_else(|| {
                let max = ImageExtent::MAX_SIDE;
                format!("expected WIDTHxHEIGHT in pixels, each from 1 to {max}, such as 640x480")
            })
    }
}

impl fmt::Display for ImageSizeArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.0.width(), self.0.height())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_two_positive_numbers() {
        let size: ImageSizeArg = "640x480".parse().unwrap();
        assert_eq!((size.0.width(), size.0.height()), (640, 480));
        assert_eq!(size.to_string(), "640x480");
        for wrong in ["640", "640x", "0x480", "640x480x3", "99999x1"] {
            assert!(wrong.parse::<ImageSizeArg>().is_err(), "{wrong}");
        }
    }
}
