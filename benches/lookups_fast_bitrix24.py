"""Lookups at once through fast_bitrix24. Arguments: webhook, certificate, values."""

import asyncio
import json
import logging
import sys
import time

from fast_bitrix24 import BitrixAsync

logging.disable(logging.CRITICAL)
FIELD = "UF_CRM_COMPANY_ID"


async def main(webhook, values):
    client = BitrixAsync(webhook, verbose=False)
    select = ["ID", FIELD]

    async def lookup(value):
        params = {"filter": {f"={FIELD}": value}, "select": select}
        rows = await client.get_all("crm.company.list", params)
        return bool(rows) and rows[0][FIELD] == value

    start = time.perf_counter()
    answers = await asyncio.gather(*map(lookup, values), return_exceptions=True)
    seconds = time.perf_counter() - start
    print(json.dumps({"answered": sum(answer is True for answer in answers), "seconds": seconds}))


asyncio.run(main(sys.argv[1], sys.argv[3:]))
