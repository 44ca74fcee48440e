"""The conformance list through b24api, over plain HTTP."""

import os

# Its own waits between attempts start at five seconds and double.
os.environ["BITRIX24_API_RETRY_ATTEMPTS"] = "3"
os.environ["BITRIX24_API_RETRY_DELAY"] = "0.2"

from b24api import Bitrix24  # noqa: E402  (settings are read from the environment)

import conformance  # noqa: E402


class Peer:
    def __init__(self, portal, path):
        os.environ["BITRIX24_API_WEBHOOK_URL"] = f"{portal.url}{path}"
        self.client = Bitrix24()

    def all(self, select):
        request = {"method": "crm.company.list", "parameters": {"select": select}}
        counted = list(self.client.list_batched(request))
        uncounted = list(self.client.list_batched_no_count(request))
        conformance.expect(
            conformance.ids(counted) == conformance.ids(uncounted),
            "list_batched and list_batched_no_count differ",
        )
        return counted

    def find(self, filter):
        parameters = {"filter": filter, "order": {"ID": "ASC"}}
        request = {"method": "crm.company.list", "parameters": parameters}
        return list(self.client.list_sequential(request))

    def get(self, id):
        return self.call("crm.company.get", {"id": id})

    def by_ids(self, ids):
        calls = ({"method": "crm.company.get", "parameters": {"id": id}} for id in ids)
        return list(self.client.batch(calls))

    def call(self, method, params):
        return self.client.call({"method": method, "parameters": params})

    def items(self, select):
        parameters = {"entityTypeId": 4, "select": select}
        return list(self.client.list_batched({"method": "crm.item.list", "parameters": parameters}))


conformance.run(Peer)
