# polars and Parquet, read by native code.
import polars as pl

frame = pl.read_parquet("data/table.parquet")
out = frame.group_by(pl.col("x0").round(0)).agg(pl.col("y").mean()).sort("x0")
print(out)
out.write_parquet("out.parquet")
