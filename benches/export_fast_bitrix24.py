"""An export of all companies through fast_bitrix24. Argument: webhook."""

import json
import logging
import resource
import sys
import time

from fast_bitrix24 import Bitrix

logging.disable(logging.CRITICAL)
client = Bitrix(sys.argv[1], verbose=False)
start = time.perf_counter()
rows = client.get_all("crm.company.list", params={"select": ["ID", "TITLE"]})
seconds = time.perf_counter() - start
ids = [int(row["ID"]) for row in rows]
print(
    json.dumps(
        {
            "rows": len(ids),
            "ascending": all(a < b for a, b in zip(ids, ids[1:])),
            "seconds": seconds,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    )
)
