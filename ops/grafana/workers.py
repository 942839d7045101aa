"""Workers: do they keep up, what fills their time, how full are their batches?"""

from ops.grafana.panels import Dashboard, Panel, Query, Row, mean, quantiles

_TASKS = Row(
    "Tasks",
    [
        Panel(
            "Tasks by outcome",
            "What workers took, and how it ended.",
            "ops",
            [
                Query("sum(rate(celery_task_received_total[1m]))", "received"),
                Query("sum(rate(celery_task_succeeded_total[1m]))", "succeeded"),
                Query("sum by (exception) (rate(celery_task_failed_total[1m]))", "{{exception}}"),
                Query("sum by (reason) (rate(celery_task_revoked_total[1m]))", "{{reason}}"),
            ],
        ),
        Panel(
            "Tasks by worker",
            "Even while all of them are busy.",
            "ops",
            [Query("sum by (instance) (rate(celery_task_received_total[1m]))", "{{instance}}")],
        ),
        Panel(
            "Wait in the queue",
            "From publishing until a worker took the message into a batch.",
            "s",
            quantiles("regno_queue_wait_seconds_bucket", "queue_name", (0.5, 0.99)),
        ),
    ],
)

_BATCHES = Row(
    "Batches",
    [
        Panel(
            "Rows in a batch",
            "1 when little comes; grows by itself with the load, up to REGNO_BATCH_ROWS.",
            "short",
            [mean("regno_batch_rows", "mean"), *quantiles("regno_batch_rows_bucket", at=(0.95,))],
        ),
        Panel(
            "Batches and rows a second",
            "How much goes through the model.",
            "ops",
            [
                Query("sum(rate(regno_batch_rows_count[1m]))", "batches"),
                Query("sum(rate(regno_batch_rows_sum[1m]))", "rows"),
            ],
        ),
        Panel(
            "Size of batches",
            "Batches a second, by their number of rows.",
            "short",
            [Query("sum by (le) (rate(regno_batch_rows_bucket[1m]))", "{{le}}")],
            kind="heatmap",
        ),
    ],
)

_TIME = Row(
    "Time of a batch",
    [
        Panel(
            "Mean by step",
            "Building features, predicting, and writing results to Redis.",
            "s",
            [
                mean("regno_feature_duration_seconds", "features"),
                mean("regno_predict_duration_seconds", "predict"),
                mean("regno_store_duration_seconds", "store"),
            ],
        ),
        Panel(
            "Predicting",
            "The model's own time for a batch. Above 50 ms on average is an alert.",
            "s",
            quantiles("regno_predict_duration_seconds_bucket", at=(0.5, 0.99)),
        ),
        Panel(
            "Share of a worker's time",
            "In features, the model and Redis. Near 100% it cannot take more: add workers.",
            "percentunit",
            [
                Query(
                    "sum by (instance) (rate(regno_feature_duration_seconds_sum[1m])"
                    " + rate(regno_predict_duration_seconds_sum[1m])"
                    " + rate(regno_store_duration_seconds_sum[1m]))",
                    "{{instance}}",
                )
            ],
        ),
    ],
)

_PROCESSES = Row(
    "Processes",
    [
        Panel(
            "Workers",
            "Processes that answer Prometheus.",
            "short",
            [Query('sum(up{job="worker"})', "answer")],
        ),
        Panel(
            "CPU of front door and workers",
            "Seconds a second: 1 is one core. Each process can use one.",
            "short",
            [
                Query(
                    "sum by (job, instance) "
                    '(rate(process_cpu_seconds_total{job=~"api|worker"}[1m]))',
                    "{{job}} {{instance}}",
                )
            ],
        ),
        Panel(
            "Flower",
            "Workers that Flower knows.",
            "short",
            [Query("sum(flower_worker_online)", "online")],
            needs="flower",
        ),
        Panel(
            "CPU of containers",
            "Seconds a second: 1 is one core.",
            "short",
            [
                Query(
                    'sum by (name) (rate(container_cpu_usage_seconds_total{name!=""}[1m]))',
                    "{{name}}",
                )
            ],
            needs="cadvisor",
        ),
        Panel(
            "Memory of containers",
            "What a container cannot give back.",
            "bytes",
            [
                Query(
                    'sum by (name) (container_memory_working_set_bytes{name!=""})',
                    "{{name}}",
                )
            ],
            needs="cadvisor",
        ),
    ],
)

WORKERS = Dashboard(
    "regno-workers",
    "regno: workers and batches",
    "Do workers keep up, what fills their time, how full are their batches?",
    [_TASKS, _BATCHES, _TIME, _PROCESSES],
)
