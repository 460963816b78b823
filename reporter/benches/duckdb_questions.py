"""The five questions, asked of the same files by DuckDB: python duckdb_questions.py FILES THREADS CALLER TIMES."""
import sys
import time

import duckdb

files, threads, caller, times = sys.argv[1:]
database = duckdb.connect(config={"threads": int(threads)})
table = f"read_parquet('{files}', hive_partitioning = false)"
talk = "ended_after - answered_after"
questions = [
    ("by verdict", f"SELECT verdict, count(*) FROM {table} GROUP BY 1"),
    ("by hour", f"SELECT time_bucket(INTERVAL 1 hour, start), count(*) FROM {table} GROUP BY 1"),
    (
        "top callers",
        f"SELECT caller, count(*), count(DISTINCT called) FROM {table} WHERE caller IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20",
    ),
    (
        "top, 2 steps",
        f"WITH top AS (SELECT caller, count(*) AS calls FROM {table} WHERE caller IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20) "
        f"SELECT caller, calls, count(DISTINCT called) FROM {table} JOIN top USING (caller) GROUP BY 1, 2",
    ),
    ("p90 of duration", f"SELECT quantile_disc({talk}, 0.9) FROM {table} WHERE answered_after IS NOT NULL"),
    ("p90, estimated", f"SELECT approx_quantile({talk}, 0.9) FROM {table} WHERE answered_after IS NOT NULL"),
    ("one caller", f"SELECT start, called, verdict FROM {table} WHERE caller = {caller} ORDER BY start"),
]
print(f"DuckDB {duckdb.__version__}, {threads} threads, best of {times}:")
for name, question in questions:
    best, answer = None, None
    for _ in range(int(times)):
        begin = time.perf_counter()
        answer = database.execute(question).fetchall()
        seconds = time.perf_counter() - begin
        best = seconds if best is None else min(best, seconds)
    print(f"{name:16} {best:8.3f} s {answer[0][0] if len(answer) == 1 else len(answer)}", flush=True)
