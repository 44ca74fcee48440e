"""The conformance list through fast_bitrix24, over plain HTTP."""

import logging

from fast_bitrix24 import Bitrix

import conformance

logging.disable(logging.CRITICAL)


class Peer:
    def __init__(self, portal, path):
        self.client = Bitrix(f"{portal.url}{path}", verbose=False)

    def all(self, select):
        return self.client.get_all("crm.company.list", params={"select": select})

    def find(self, filter):
        select = ["ID", "TITLE", "ORIGIN_ID"]
        return self.client.get_all("crm.company.list", params={"filter": filter, "select": select})

    def get(self, id):
        return self.call("crm.company.get", {"ID": id})

    def by_ids(self, ids):
        return list(self.client.get_by_ID("crm.company.get", ids).values())

    def call(self, method, params):
        if not params:
            return self.client.call(method, raw=True)["result"]
        answer = self.client.call(method, params)
        # One call travels as a batch of one, and an object comes back under the label of its command.
        if isinstance(answer, dict) and list(answer) == ["order0000000000"]:
            return answer["order0000000000"]
        return answer

    def items(self, select):
        return self.client.get_all("crm.item.list", params={"entityTypeId": 4, "select": select})


conformance.run(Peer)
