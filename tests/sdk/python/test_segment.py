"""Segment's own library for Python, unchanged, pointed at Tapline instead of at Segment."""

import logging
import unittest
from datetime import date, datetime

from segment.analytics.client import Client
from stand import WRITE_KEY, Stand

USER = "user_1"
DEVICE = "f2c8a6e0-5d3b-4b9e-8f57-0c1d2e3f4a5b"
PERSON = {"user_id": USER, "anonymous_id": DEVICE}
TRACK = {"type": "event", "identity": USER}

EXPECTED = [
    {
        "type": "profile",
        "objectId": DEVICE,
        "profileData": {
            "identity": USER,
            "Name": "Jane Doe",
            "Email": "jane@example.com",
            "DOB": "$D_641520000",
            "plan_name": "Gold",
            "visits": 12345678901234567890,
            "address_city": "Pune",
            "tags": '["é",1]',
        },
    },
    {**TRACK, "evtName": "Article Read", "evtData": {"article_id": "a-1", "word_count": 950, "is_free": True}},
    {"type": "token", "objectId": DEVICE, "tokenData": {"id": "token_1", "type": "fcm"}},
    {
        **TRACK,
        "evtName": "Charged",
        "evtData": {
            "Charged ID": "o-1",
            "Amount": 42.5,
            "Items": [{"product_id": "p-1", "unit_price": 20.25}],
            "total": 42.5,
            "currency": "EUR",
        },
    },
    {
        **TRACK,
        "evtName": "Web Page Viewed",
        "evtData": {"url": "https://example.com/docs", "category": "Docs", "name": "Setup"},
    },
    {**TRACK, "evtName": "App Screen Viewed", "evtData": {"item_count": 2, "name": "Cart"}},
]


def setUpModule():
    # The library logs what it is told about in the tests as well.
    logging.getLogger("segment").setLevel(logging.CRITICAL)


class SegmentForPython(unittest.TestCase):
    def setUp(self):
        self.stand = self.enterContext(Stand())
        self.errors = []

    def client(self, **settings):
        """A client of Segment's that tells of errors in `self.errors`."""
        settings = {"write_key": WRITE_KEY, "host": self.stand.url, "max_retries": 0, **settings}
        client = Client(on_error=lambda error, batch: self.errors.append((error, batch)), **settings)
        if not client.sync_mode:
            self.addCleanup(client.join)
        return client

    def call_everything(self, client):
        """Every kind of call; gives them as the library sent them."""
        traits = {
            "name": "Jane Doe",
            "email": "jane@example.com",
            "birthday": date(1990, 5, 1),
            "planName": "Gold",
            "visits": 12345678901234567890,
            "address": {"city": "Pune"},
            "tags": ["é", 1],
        }
        article = {"articleID": "a-1", "Word Count": 950, "isFree": True, "nested": {"dropped": 1}, "list": [1]}
        order = {
            "order_id": "o-1",
            "total": 42.5,
            "currency": "EUR",
            "products": [{"product_id": "p-1", "unitPrice": 20.25}],
        }
        token = {"device": {"token": "token_1", "type": "android"}}
        page = {"url": "https://example.com/docs"}
        answers = [
            client.identify(**PERSON, traits=traits),
            client.track(**PERSON, event="Article Read", properties=article, context=token),
            client.track(**PERSON, event="Order Completed", properties=order),
            client.page(**PERSON, category="Docs", name="Setup", properties=page),
            client.screen(**PERSON, name="Cart", properties={"itemCount": 2}),
            client.alias(previous_id=DEVICE, user_id=USER),
            client.group(**PERSON, group_id="group_1", traits={"name": "Example Ltd"}),
        ]
        client.flush()
        self.assertTrue(all(queued for queued, _ in answers))
        return [call for _, call in answers]

    def assert_everything_arrived(self, calls):
        records, ends = self.stand.settled()
        self.assertEqual(ends, {"delivered": 5, "filtered": 2, "failed": 0, "dead": 0})
        times = [record.pop("ts") for record in records if "ts" in record]
        self.assertEqual(records, EXPECTED)
        self.assertEqual(len(times), 5)
        called = [int(datetime.fromisoformat(call["timestamp"]).timestamp()) for call in calls]
        # The clocks of both ends are compared by Tapline; on one machine they differ by the time on the way.
        self.assertGreaterEqual(min(times), min(called))
        self.assertLessEqual(max(times), max(called) + 5)

    def test_every_call_arrives_as_the_record_that_clevertap_is_to_get(self):
        calls = self.call_everything(self.client())
        self.assert_everything_arrived(calls)
        self.assertEqual(self.errors, [])

    def test_compressed_calls_arrive_all_the_same(self):
        calls = self.call_everything(self.client(gzip=True))
        self.assert_everything_arrived(calls)
        self.assertEqual(self.errors, [])

    def test_calls_made_one_by_one_arrive_in_order(self):
        client = self.client(sync_mode=True)
        for step in range(30):
            client.track(**PERSON, event="Step Taken", properties={"step": step})
        records, ends = self.stand.settled()
        self.assertEqual([record["evtData"]["step"] for record in records], list(range(30)))
        self.assertEqual(ends["delivered"], 30)

    def test_a_wrong_write_key_reaches_the_sender_as_an_error_and_clevertap_as_nothing(self):
        client = self.client(write_key="another_key")
        _, call = client.track(**PERSON, event="Step Taken")
        client.flush()
        [(error, batch)] = self.errors
        self.assertEqual((error.status, error.code), (401, "wrong_write_key"))
        self.assertEqual([lost["messageId"] for lost in batch], [call["messageId"]])
        records, ends = self.stand.settled()
        self.assertEqual((records, sum(ends.values())), ([], 0))
