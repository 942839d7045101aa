"""The customer's rows give the customer's answers, to the last bit, by every way in."""

from concurrent.futures import ThreadPoolExecutor

from tests.builders import a_row, customer_answers, customer_csv, customer_rows
from tests.stack import Stack


def test_one_by_one_through_the_customers_call(customer_stack: Stack) -> None:
    answers = []
    for row in customer_rows():
        answer = customer_stack.client.post("/reg/", json=row)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "ok"
        answers.append(answer.json()["body"])
    assert answers == customer_answers()


def test_as_one_array_through_every_post(customer_stack: Stack) -> None:
    client, rows = customer_stack.client, customer_rows()
    assert client.post("/reg/", json=rows).json()["body"] == customer_answers()
    assert client.post("/v1/predict", json=rows).json()["predictions"] == customer_answers()
    location = client.post("/v1/tasks", json=rows).headers["Location"]
    done = client.get(location, params={"wait": 10}).json()
    assert done["status"] == "done"
    assert done["predictions"] == customer_answers()


def test_as_csv_through_every_post(customer_stack: Stack) -> None:
    client = customer_stack.client
    body, headers = customer_csv().encode(), {"Content-Type": "text/csv"}
    assert client.post("/reg/", data=body, headers=headers).json()["body"] == customer_answers()
    predicted = client.post("/v1/predict", data=body, headers=headers).json()
    assert predicted["predictions"] == customer_answers()
    location = client.post("/v1/tasks", data=body, headers=headers).headers["Location"]
    assert client.get(location, params={"wait": 10}).json()["predictions"] == customer_answers()


def test_while_other_requests_share_their_batches(customer_stack: Stack) -> None:
    client, rows = customer_stack.client, customer_rows()
    noise = [a_row(afts_regno_ai=f"В{n:03}ОР77", direction=n % 2) for n in range(100)]
    mixed = [row for pair in zip(rows, noise, strict=True) for row in pair]
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda row: client.post("/reg/", json=row).json(), mixed))
    assert [answer["body"] for answer in answers[::2]] == customer_answers()
