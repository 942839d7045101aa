import pytest

from shared.errors import InvalidSettings
from shared.redis_client import connect_redis
from shared.settings import ApiSettings, Settings, WorkerSettings, load

KEY = "a-key-of-some-length"
REQUIRED = {
    "REGNO_BROKER_URL": "amqp://broker",
    "REGNO_REDIS_URL": "redis://redis",
    "REGNO_API_KEYS": KEY,
}


def load_api(**variables: str) -> ApiSettings:
    return load(ApiSettings, REQUIRED | variables)


def load_worker(**variables: str) -> WorkerSettings:
    return load(WorkerSettings, REQUIRED | variables)


def test_only_addresses_and_keys_have_no_default() -> None:
    settings = load_api()
    assert settings.broker_url == "amqp://broker"
    assert (settings.max_rows, settings.max_plate_chars, settings.max_camera_chars) == (
        1000,
        32,
        64,
    )
    assert (settings.max_scores, settings.max_body_bytes) == (64, 16 * 1024 * 1024)
    assert (settings.default_timeout, settings.max_timeout) == (2, 30)


@pytest.mark.parametrize("variable", REQUIRED)
def test_a_variable_that_must_be_set_is_named(variable: str) -> None:
    environ = {name: value for name, value in REQUIRED.items() if name != variable}
    with pytest.raises(InvalidSettings, match=f"^{variable} must be set$"):
        load(ApiSettings, environ)


def test_a_worker_needs_no_api_keys() -> None:
    environ = {name: value for name, value in REQUIRED.items() if name != "REGNO_API_KEYS"}
    assert load(WorkerSettings, environ).batch_rows == 128


def test_other_variables_are_none_of_its_business() -> None:
    assert load(ApiSettings, REQUIRED | {"MAX_ROWS": "x", "REGNO_COLOUR": "x"}) == load_api()


def test_each_kind_of_value_is_read() -> None:
    settings = load_worker(
        REGNO_BATCH_ROWS="64", REGNO_BATCH_WAIT="0.5", REGNO_LOG_LEVEL="DEBUG",
        REGNO_MODEL_URI="models/other.cbm", REGNO_RESULT_TTL="60",
    )  # fmt: skip
    assert settings.batch_rows == 64
    assert settings.batch_wait == 0.5
    assert settings.log_level == "DEBUG"
    assert settings.model_uri == "models/other.cbm"
    assert settings.result_ttl == 60


@pytest.mark.parametrize(
    "variable",
    [
        "REGNO_RESULT_TTL",
        "REGNO_SYNC_RESULT_TTL",
        "REGNO_REDIS_TIMEOUT",
        "REGNO_DEFAULT_TIMEOUT",
        "REGNO_MAX_TIMEOUT",
        "REGNO_PUBLISH_TIMEOUT",
        "REGNO_TASK_TTL",
    ],
)
@pytest.mark.parametrize("text", ["", "0", "-1", "0.0001", "nan", "inf", "1e400", "2s", "1,5"])
def test_a_duration_is_finite_and_at_least_a_millisecond(variable: str, text: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^{variable}: "):
        load_api(**{variable: text})


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "1e400", "2s"])
def test_a_wrong_cache_ttl_is_named(text: str) -> None:
    with pytest.raises(InvalidSettings, match=r"^REGNO_CACHE_TTL: "):
        load_api(REGNO_CACHE_TTL=text)


def test_the_cache_is_off_unless_it_is_asked_for() -> None:
    assert load_api().cache_ttl == 0
    assert load_api(REGNO_CACHE_TTL="0.5").cache_ttl == 0.5


@pytest.mark.parametrize(
    "variable",
    [
        "REGNO_MAX_PLATE_CHARS",
        "REGNO_MAX_CAMERA_CHARS",
        "REGNO_MAX_SCORES",
        "REGNO_MAX_ROWS",
        "REGNO_MAX_BODY_BYTES",
    ],
)
@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "ten", "true", "nan", "9" * 30])
def test_a_count_is_a_whole_number_of_at_least_one(variable: str, text: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^{variable}: "):
        load_api(**{variable: text})


@pytest.mark.parametrize("variable", ["REGNO_BATCH_ROWS", "REGNO_BATCH_WAIT", "REGNO_PREFETCH"])
@pytest.mark.parametrize("text", ["", "-1", "ten", "nan", "inf"])
def test_a_wrong_setting_of_the_worker_is_named(variable: str, text: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^{variable}: "):
        load_worker(**{variable: text})


@pytest.mark.parametrize(
    ("variable", "text"),
    [("REGNO_LOG_LEVEL", "loud"), ("REGNO_BROKER_URL", ""), ("REGNO_REDIS_URL", "")],
)
def test_a_wrong_text_is_named(variable: str, text: str) -> None:
    for load_role in (load_api, load_worker):
        with pytest.raises(InvalidSettings, match=f"^{variable}: "):
            load_role(**{variable: text})


@pytest.mark.parametrize("text", [f"{KEY},{KEY}2", f" {KEY} , {KEY}2 ", f"{KEY},,{KEY}2,"])
def test_keys_are_separated_by_commas(text: str) -> None:
    assert load_api(REGNO_API_KEYS=text).api_keys == [KEY, f"{KEY}2"]


@pytest.mark.parametrize(
    "text",
    ["", ",", " , ", "too-short", f"{KEY},too-short", "a key with spaces in it", "ключ" * 10],
)
def test_a_wrong_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidSettings, match=r"^REGNO_API_KEYS: ") as caught:
        load_api(REGNO_API_KEYS=text)
    assert KEY not in str(caught.value)
    assert "short" not in str(caught.value)


def test_a_prefetch_smaller_than_a_batch_is_refused() -> None:
    with pytest.raises(InvalidSettings, match=r"REGNO_PREFETCH.*REGNO_BATCH_ROWS"):
        load_worker(REGNO_PREFETCH="127")
    assert load_worker(REGNO_PREFETCH="128").prefetch == 128


def test_a_prefetch_has_to_fit_in_amqp() -> None:
    assert load_worker(REGNO_PREFETCH="65535").prefetch == 65535
    with pytest.raises(InvalidSettings, match=r"^REGNO_PREFETCH: "):
        load_worker(REGNO_PREFETCH="65536")


def test_a_default_wait_longer_than_the_longest_is_refused() -> None:
    with pytest.raises(InvalidSettings, match=r"REGNO_DEFAULT_TIMEOUT.*REGNO_MAX_TIMEOUT"):
        load_api(REGNO_MAX_TIMEOUT="1")
    assert load_api(REGNO_MAX_TIMEOUT="2").max_timeout == 2


def test_a_batch_need_not_wait_at_all() -> None:
    assert load_worker(REGNO_BATCH_WAIT="0").batch_wait == 0


def test_settings_cannot_be_changed() -> None:
    settings: Settings = load_api()
    with pytest.raises(AttributeError):
        settings.max_rows = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    "url", ["", "localhost:5672", "foo://host", "amqp://host:port//", "amqp://", "redis://:pw@"]
)
@pytest.mark.parametrize("name", ["REGNO_BROKER_URL", "REGNO_REDIS_URL"])
def test_what_is_no_url_of_a_server_is_refused_at_start(name: str, url: str) -> None:
    with pytest.raises(InvalidSettings, match=name):
        load(WorkerSettings, REQUIRED | {name: url})


def test_the_broker_s_url_is_not_taken_for_that_of_redis() -> None:
    with pytest.raises(InvalidSettings, match=r"REGNO_REDIS_URL: .* one of redis, rediss$"):
        load(WorkerSettings, REQUIRED | {"REGNO_REDIS_URL": "amqp://rabbitmq"})


def test_a_refused_url_is_not_shown_since_it_may_hold_a_password() -> None:
    with pytest.raises(InvalidSettings) as refused:
        load(WorkerSettings, REQUIRED | {"REGNO_BROKER_URL": "amqp://me:secret@host:port//"})
    assert "secret" not in refused.value.detail


def test_a_result_must_outlive_the_longest_wait_for_it() -> None:
    with pytest.raises(InvalidSettings, match="REGNO_SYNC_RESULT_TTL"):
        load_api(REGNO_SYNC_RESULT_TTL="10")


def test_a_worker_serves_no_metrics_unless_it_is_given_a_port() -> None:
    assert load_worker().metrics_port == 0
    assert load_worker(REGNO_METRICS_PORT="9808").metrics_port == 9808


@pytest.mark.parametrize("text", ["", "-1", "65536", "http"])
def test_a_wrong_port_is_named(text: str) -> None:
    with pytest.raises(InvalidSettings, match=r"^REGNO_METRICS_PORT: "):
        load_worker(REGNO_METRICS_PORT=text)


@pytest.mark.parametrize("dsn", ["http://key@127.0.0.1:9000/7", "https://key@host/path/42", ""])
def test_errors_are_sent_where_sentry_says(dsn: str) -> None:
    for load_role in (load_api, load_worker):
        assert load_role(REGNO_SENTRY_DSN=dsn).sentry_dsn == dsn


@pytest.mark.parametrize(
    "dsn", ["sentry", "https://host/42", "https://key@host/", "ftp://key@host/42", "http://k@h:x/1"]
)
def test_what_is_no_address_of_sentry_is_refused_and_not_shown(dsn: str) -> None:
    with pytest.raises(InvalidSettings, match="REGNO_SENTRY_DSN") as refused:
        load_worker(REGNO_SENTRY_DSN=dsn)
    assert dsn not in refused.value.detail


def test_rows_are_sent_to_sentry_only_where_that_is_said() -> None:
    assert not load_api().sentry_send_rows
    assert load_api(REGNO_SENTRY_SEND_ROWS="1").sentry_send_rows
    assert not load_api(REGNO_SENTRY_SEND_ROWS="0").sentry_send_rows
    with pytest.raises(InvalidSettings, match="REGNO_SENTRY_SEND_ROWS"):
        load_api(REGNO_SENTRY_SEND_ROWS="perhaps")


@pytest.mark.parametrize(
    ("name", "url", "told"),
    [
        ("REGNO_BROKER_URL", "amqp://a:5672;amqp://b:5672", "one address"),
        ("REGNO_BROKER_URL", "amqp://me:secret@a,b//", "one address"),
        ("REGNO_BROKER_URL", "amqp://me:123/secret@a//", "percent-encode"),
        ("REGNO_BROKER_URL", "amqp://me:12#secret@a//", "percent-encode"),
        ("REGNO_BROKER_URL", "amqp://me:12?secret@a//", "percent-encode"),
        ("REGNO_BROKER_URL", "amqp://a//?heartbeat=5", "option heartbeat is not known"),
        ("REGNO_BROKER_URL", "amqp://a//?ssl_ca_certs=/etc/passwd", "needs rediss:// or amqps://"),
        ("REGNO_BROKER_URL", "amqps://a//?ssl_ca_certs=/no/such/file", "no such file"),
        ("REGNO_REDIS_URL", "redis://me:12/secret@a", "percent-encode"),
        ("REGNO_REDIS_URL", "redis://a/x", "number of a database"),
        ("REGNO_REDIS_URL", "redis://a/0/1", "number of a database"),
        ("REGNO_REDIS_URL", "redis://a,b/0", "one address"),
        ("REGNO_REDIS_URL", "redis://a?decode_responses=true", "decode_responses is not known"),
        ("REGNO_REDIS_URL", "redis://a?protocol=3", "protocol is not known"),
        ("REGNO_REDIS_URL", "redis://a?socket_timeout=5", "socket_timeout is not known"),
        ("REGNO_REDIS_URL", "redis://a?ssl_cert_reqs=none", "needs rediss:// or amqps://"),
        ("REGNO_REDIS_URL", "rediss://a?ssl_cert_reqs=CERT_NONE", "none or optional or required"),
        ("REGNO_REDIS_URL", "rediss://a?ssl_cert_reqs=", "none or optional or required"),
        ("REGNO_REDIS_URL", "rediss://a?ssl_certfile=/no/such/file", "no such file"),
        ("REGNO_REDIS_URL", "rediss://a?ca_certs=/etc/passwd", "ca_certs is not known"),
    ],
)
def test_a_url_that_cannot_work_is_refused_by_name_without_its_password(
    name: str, url: str, told: str
) -> None:
    with pytest.raises(InvalidSettings, match=f"^{name}: .*{told}") as refused:
        load(WorkerSettings, REQUIRED | {name: url})
    assert "secret" not in str(refused.value)


def test_options_of_tls_are_kept() -> None:
    url = f"rediss://:p%40ss@redis:6380/2?ssl_cert_reqs=none&ssl_ca_certs={__file__}"
    settings = load(WorkerSettings, REQUIRED | {"REGNO_REDIS_URL": url})
    options = connect_redis(settings).connection_pool.connection_kwargs
    assert options["password"] == "p@ss"
    assert options["ssl_cert_reqs"] == "none"
    assert options["ssl_ca_certs"] == __file__
