//! The plotting script that a page carries.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plotly::Plot;

use crate::download::gzip;

/// plotly.js, compressed, in base64: 1.9 MB instead of 4.7.
///
/// The crate `plotly` embeds the script and gives it out as HTML together with `MathJax`, which no
/// page of ours needs. What is taken is the content of the first script element.
pub(crate) fn plotly_gzip_base64() -> &'static str {
    static SCRIPT: LazyLock<String> = LazyLock::new(|| {
        let html = Plot::offline_js_sources();
        STANDARD.encode(gzip(first_script(&html).as_bytes()))
    });
    &SCRIPT
}

fn first_script(html: &str) -> &str {
    let content = html.split_once('>').map_or(html, |(_, content)| content);
    content
        .split_once("</script>")
        .map_or(content, |(script, _)| script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_plotly_alone_and_whole() {
        let html = Plot::offline_js_sources();
        let script = first_script(&html);
        assert!(script.trim_start().starts_with("/**\n* plotly.js v"));
        assert!(script.contains("newPlot") && script.trim_end().ends_with("}));"));
        assert!(!script.contains("MathJax.loader"));
        assert!(
            (3_000_000..5_000_000).contains(&script.len()),
            "{}",
            script.len()
        );
        assert!(plotly_gzip_base64().len() < 2_000_000);
    }
}
