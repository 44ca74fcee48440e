"""Lookups at once, each in its thread, through b24pysdk. Arguments: webhook, certificate, values."""

import json
import os
import sys
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

os.environ["REQUESTS_CA_BUNDLE"] = sys.argv[2]

from b24pysdk import BitrixWebhook  # noqa: E402  (requests reads the bundle from the environment)

FIELD = "UF_CRM_COMPANY_ID"
webhook = urllib.parse.urlsplit(sys.argv[1])
values = sys.argv[3:]
token = BitrixWebhook(
    domain=webhook.netloc, webhook_token=webhook.path.removeprefix("/rest/").rstrip("/")
)


def lookup(value):
    params = {"filter": {f"={FIELD}": value}, "select": ["ID", FIELD], "start": -1}
    try:
        rows = token.call_method("crm.company.list", params)["result"]
    except Exception:  # whatever it raises, nothing was found
        return False
    return bool(rows) and rows[0][FIELD] == value


start = time.perf_counter()
with ThreadPoolExecutor(len(values)) as threads:
    answered = sum(threads.map(lookup, values))
print(json.dumps({"answered": answered, "seconds": time.perf_counter() - start}))
