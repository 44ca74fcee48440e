"""The conformance list through b24pysdk, over TLS (it knows nothing else)."""

import os
import sys
import urllib.parse

os.environ["REQUESTS_CA_BUNDLE"] = sys.argv[2]

from b24pysdk import BitrixWebhook  # noqa: E402  (requests reads the bundle from the environment)

import conformance  # noqa: E402


class Peer:
    def __init__(self, portal, path):
        domain = urllib.parse.urlsplit(portal.url).netloc
        token = path.removeprefix("/rest/").rstrip("/")
        self.token = BitrixWebhook(domain=domain, webhook_token=token)
        self.client = self.token.get_client()

    def all(self, select):
        rows = list(self.client.crm.company.list(select=select).as_list().result)
        fast = list(self.client.crm.company.list(select=select).as_list_fast().result)
        conformance.expect(
            conformance.ids(rows) == conformance.ids(fast), "as_list and as_list_fast differ"
        )
        return rows

    def find(self, filter):
        return list(self.client.crm.company.list(filter=filter, select=["*"]).as_list().result)

    def get(self, id):
        return self.client.crm.company.get(bitrix_id=int(id)).result

    def by_ids(self, ids):
        calls = {f"c{id}": ("crm.company.get", {"id": id}) for id in ids}
        return list(self.token.call_batches(calls)["result"]["result"].values())

    def call(self, method, params):
        return self.token.call_method(method, params)["result"]

    def items(self, select):
        return list(self.client.crm.item.list(entity_type_id=4, select=select).as_list().result)


conformance.run(Peer)
