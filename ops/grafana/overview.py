"""The first dashboard to look at: are callers served, and if not, where does it stand still?"""

from ops.grafana.panels import Dashboard, Panel, Query, Row, quantiles

_WAITED = '{route=~"/reg/|/v1/predict"}'

_TRAFFIC = Row(
    "Traffic",
    [
        Panel(
            "Requests by route",
            "What callers ask for.",
            "reqps",
            [Query("sum by (route) (rate(regno_http_requests_total[1m]))", "{{route}}")],
        ),
        Panel(
            "Answers by status",
            "5xx are the service's fault: 503 is turned away, 504 is too late.",
            "reqps",
            [Query("sum by (status) (rate(regno_http_requests_total[1m]))", "{{status}}")],
        ),
        Panel(
            "Alerts that fire",
            "Each has a page under its name in docs/runbooks/.",
            "short",
            [
                Query(
                    'count by (alertname, severity) (ALERTS{alertstate="firing"}) '
                    'or label_replace(vector(0), "alertname", "none", "", "")',
                    "{{alertname}} {{severity}}",
                ),
                Query('count(ALERTS{alertstate="pending"}) or vector(0)', "pending"),
            ],
        ),
    ],
)

_ERRORS = Row(
    "Errors",
    [
        Panel(
            "Burn of the availability budget",
            "1 uses up the budget of 30 days in 30 days. Above 14.4 in both windows pages.",
            "short",
            [
                Query("regno:requests_unanswered:ratio5m / 0.001", "5 min"),
                Query("regno:requests_unanswered:ratio1h / 0.001", "1 h"),
            ],
        ),
        Panel(
            "Turned away and too late",
            "Requests told 503 at the door, and requests whose deadline passed.",
            "reqps",
            [
                Query(
                    "sum by (route) (rate(regno_http_requests_shed_total[1m]))", "shed {{route}}"
                ),
                Query("sum by (route) (rate(regno_deadline_misses_total[1m]))", "late {{route}}"),
            ],
        ),
        Panel(
            "Failures inside",
            "Messages that RabbitMQ did not take, and errors that were logged and passed over.",
            "ops",
            [
                Query("sum by (lane) (rate(regno_publish_failures_total[1m]))", "publish {{lane}}"),
                Query("sum by (where) (rate(regno_unexpected_errors_total[1m]))", "{{where}}"),
            ],
        ),
    ],
)

_LATENCY = Row(
    "Latency",
    [
        Panel(
            "Time to answer",
            "Of requests that somebody waits for, from their arrival in the application.",
            "s",
            quantiles(f"regno_http_request_duration_seconds_bucket{_WAITED}"),
        ),
        Panel(
            "Burn of the latency budget",
            "The budget is 1% of answers above 100 ms. Above 14.4 in both windows pages.",
            "short",
            [
                Query("regno:requests_slow:ratio5m / 0.01", "5 min"),
                Query("regno:requests_slow:ratio1h / 0.01", "1 h"),
            ],
        ),
        Panel(
            "Time until RabbitMQ has a message",
            "From the publisher's hands to the broker's confirm.",
            "s",
            quantiles("regno_publish_duration_seconds_bucket", "lane", (0.5, 0.99)),
        ),
    ],
)

_SATURATION = Row(
    "Saturation",
    [
        Panel(
            "In hand",
            "Requests that the front door has let in; REGNO_MAX_IN_FLIGHT a process is the most.",
            "short",
            [
                Query("sum by (lane) (regno_http_requests_in_flight)", "{{lane}}"),
                Query("sum(regno_waiters)", "waiting for a result"),
            ],
        ),
        Panel(
            "Memory of the servers",
            "Redis, of what it may use; above 90% pages.",
            "percentunit",
            [
                Query("regno:redis_memory:ratio", "Redis"),
                Query(
                    "rabbitmq_process_resident_memory_bytes / rabbitmq_resident_memory_limit_bytes",
                    "RabbitMQ",
                ),
            ],
        ),
        Panel(
            "What answers",
            "Targets that Prometheus reaches.",
            "short",
            [Query("sum by (job) (up)", "{{job}}")],
        ),
    ],
)

_QUEUES = Row(
    "Queues",
    [
        Panel(
            "Messages that wait",
            "regno.dead holds what could not be done: it should hold nothing.",
            "short",
            [Query("max by (queue_name) (celery_queue_length)", "{{queue_name}}")],
        ),
        Panel(
            "Age of the oldest message",
            "Near 0 while workers keep up.",
            "s",
            [
                Query(
                    "max by (queue_name) (regno_queue_oldest_message_age_seconds)",
                    "{{queue_name}}",
                )
            ],
        ),
        Panel(
            "Workers and what they have in hand",
            "Consumers of each queue, and messages delivered but not acknowledged yet.",
            "short",
            [
                Query(
                    "max by (queue_name) (celery_active_consumers)",
                    "consumers {{queue_name}}",
                ),
                Query(
                    "max by (queue_name) (regno_queue_messages_unacknowledged)",
                    "in hand {{queue_name}}",
                ),
            ],
        ),
    ],
)

OVERVIEW = Dashboard(
    "regno-overview",
    "regno: overview",
    "Are callers served, and if not, where does it stand still?",
    [_TRAFFIC, _ERRORS, _LATENCY, _SATURATION, _QUEUES],
)
