"""Writes the Parquet files of this folder: one table, as tools write it by default or on request.

Versions: pandas 3.1.1, pyarrow 26.0.1, polars 2.1.0, duckdb 2.0.1, fastparquet 2026.9.0.
"""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
ROWS = 6
CODECS = ["hevc", "hevc", "vvc", None, "hevc", ""]
LEVELS = [0, 1, 2, 3, 4, -5]
SCORES = [0.5, None, -1.25, 1e-9, None, 3.0]
PASSED = [True, None, False, True, None, False]


def frame():
    return pd.DataFrame(
        {
            "codec": CODECS,
            "level": LEVELS,
            "score": pd.array(SCORES, dtype="Float64"),
            "passed": pd.array(PASSED, dtype="boolean"),
            "nothing": pd.Series([None] * ROWS, dtype=object),
        }
    )


def main():
    table = frame()
    table.to_parquet(HERE / "pandas-default.parquet")
    for codec in ["gzip", "zstd", None]:
        table.to_parquet(HERE / f"pandas-{codec or 'none'}.parquet", compression=codec)
    categories = table.assign(codec=table["codec"].astype("category"))
    categories.to_parquet(HERE / "pandas-category.parquet")
    table.drop(columns=["nothing"]).to_parquet(HERE / "fastparquet-default.parquet", engine="fastparquet")
    arrow = pa.table(
        {
            "codec": pa.array(CODECS).dictionary_encode(),
            "level": pa.array(LEVELS, pa.int16()),
            "score": pa.array(SCORES, pa.float32()),
            "passed": pa.array(PASSED),
            "nothing": pa.nulls(ROWS),
        }
    )
    pq.write_table(arrow, HERE / "pyarrow-small-types.parquet")
    pq.write_table(arrow, HERE / "pyarrow-page-v2.parquet", data_page_version="2.0", use_dictionary=False)
    pq.write_table(arrow, HERE / "pyarrow-lz4.parquet", compression="lz4")
    polars = pl.DataFrame(
        {"codec": CODECS, "level": LEVELS, "score": SCORES, "passed": PASSED, "nothing": [None] * ROWS}
    )
    polars.write_parquet(HERE / "polars-default.parquet")
    duckdb.sql("SELECT * REPLACE (level::INTEGER AS level) FROM arrow").write_parquet(
        str(HERE / "duckdb-default.parquet")
    )
    stamps = pd.DataFrame({"when": np.array(["2026-01-01"], dtype="datetime64[ns]")})
    stamps.to_parquet(HERE / "pandas-timestamps.parquet")
    unsigned = pa.table({"level": pa.array([2**32 - 1, None], pa.uint32()), "beyond": pa.array([1, 2**64 - 1], pa.uint64())})
    pq.write_table(unsigned.select(["level"]), HERE / "pyarrow-unsigned.parquet")
    pq.write_table(unsigned, HERE / "pyarrow-beyond.parquet")


main()
