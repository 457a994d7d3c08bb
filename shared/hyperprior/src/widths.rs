/// The channel counts of a hyperprior.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Widths {
    /// Channels of the main layers and of `z` (CompressAI's N).
    pub n: usize,
    /// Channels of `y` (CompressAI's M).
    pub m: usize,
}

impl Widths {
    /// The most channels: five times the benchmark's, and few enough for exact integer sums.
    pub const MAX: usize = 640;

    /// Every trained tensor with its shape, under CompressAI's names.
    #[must_use]
    pub fn shapes(self) -> Vec<(String, Vec<i64>)> {
        // At most MAX each.
        let (n, m) = (self.n as i64, self.m as i64);
        let mut shapes = Vec::new();
        let mut add = |name: String, shape: &[i64]| shapes.push((name, shape.to_vec()));
        let analysis = [[n, 1, 5, 5], [n, n, 5, 5], [n, n, 5, 5], [m, n, 5, 5]];
        let synthesis = [[m, n, 5, 5], [n, n, 5, 5], [n, n, 5, 5], [n, 1, 5, 5]];
        let networks = [
            ("g_a", &analysis[..], 0),
            ("g_s", &synthesis[..], 1),
            ("h_a", &[[n, m, 3, 3], [n, n, 5, 5], [n, n, 5, 5]][..], 0),
            ("h_s", &[[n, n, 5, 5], [n, n, 5, 5], [m, n, 3, 3]][..], 1),
        ];
        for (network, layers, transposed) in networks {
            for (index, shape) in layers.iter().enumerate() {
                // A transposed convolution's weight has its outputs second; h_s ends in a plain one.
                let outputs = if shape[2] == 3 { 0 } else { transposed };
                add(format!("{network}.{}.weight", 2 * index), shape);
                add(
                    format!("{network}.{}.bias", 2 * index),
                    &shape[outputs..=outputs],
                );
            }
        }
        for (network, layer) in ["g_a", "g_s"]
            .into_iter()
            .flat_map(|g| [1, 3, 5].map(|l| (g, l)))
        {
            add(format!("{network}.{layer}.beta"), &[n]);
            add(format!("{network}.{layer}.gamma"), &[n, n]);
        }
        let widths = [1, 3, 3, 3, 3, 1];
        for layer in 0..5 {
            let (inputs, outputs) = (widths[layer], widths[layer + 1]);
            let name = |part: &str| format!("entropy_bottleneck.{part}.{layer}");
            add(name("matrices"), &[n, outputs, inputs]);
            add(name("biases"), &[n, outputs, 1]);
            if layer < 4 {
                add(name("factors"), &[n, outputs, 1]);
            }
        }
        add("entropy_bottleneck.quantiles".to_owned(), &[n, 1, 3]);
        shapes
    }
}
