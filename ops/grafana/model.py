"""The model: which one is it, what does it say, and does it see what it was trained on?"""

from ops.grafana.panels import Dashboard, Panel, Query, Row, mean, quantiles

_SCORES = Row(
    "What it says",
    [
        Panel(
            "Distribution of scores",
            "Predictions a second by the probability that the network's reading is picked.",
            "short",
            [Query("sum by (le) (rate(regno_prediction_score_bucket[1m]))", "{{le}}")],
            kind="heatmap",
        ),
        Panel(
            "Score",
            "A step without a new model means that other readings come.",
            "percentunit",
            [
                mean("regno_prediction_score", "mean"),
                *quantiles("regno_prediction_score_bucket", at=(0.1, 0.5, 0.9)),
            ],
        ),
        Panel(
            "Share of rows where the network's reading is picked",
            "Rows with a score above 0.5.",
            "percentunit",
            [
                Query(
                    '1 - sum(rate(regno_prediction_score_bucket{le="0.5"}[1m]))'
                    " / sum(rate(regno_prediction_score_count[1m]))",
                    "picked",
                )
            ],
        ),
    ],
)

_VERSIONS = Row(
    "Which one it is",
    [
        Panel(
            "Workers by model version",
            "Two versions for longer than a roll-out takes are an alert.",
            "short",
            [Query("count by (version) (regno_model_info)", "{{version}}")],
        ),
        Panel(
            "Age of the model",
            "Since it was trained.",
            "s",
            [Query("max(time() - regno_model_created_timestamp_seconds)", "oldest")],
        ),
        Panel(
            "Loaded since",
            "How long each worker has held its model.",
            "s",
            [
                Query(
                    "max by (instance) (time() - regno_model_loaded_timestamp_seconds)",
                    "{{instance}}",
                )
            ],
        ),
    ],
)

_MEAN = (
    "sum by (feature) (rate(regno_input_value_sum[{0}]))"
    " / sum by (feature) (rate(regno_input_value_count[{0}]))"
)
"""Mean of each input over a time such as ``5m``."""

_INPUT = Row(
    "What it sees",
    [
        Panel(
            "Inputs, mean over five minutes",
            "Scores are 0 to 1, lengths are numbers of characters.",
            "short",
            [Query(_MEAN.format("5m"), "{{feature}}")],
        ),
        Panel(
            "Inputs, median",
            "Over a minute.",
            "short",
            quantiles("regno_input_value_bucket", "feature", (0.5,)),
        ),
        Panel(
            "Drift of inputs",
            "Mean of five minutes over the mean of a day; 0 is no change. A camera that was moved,"
            " a network that was replaced, or night show here before they show in the scores.",
            "percentunit",
            [
                Query(
                    f"({_MEAN.format('5m')}) / ({_MEAN.format('1d')}) - 1",
                    "{{feature}}",
                )
            ],
            signed=True,
        ),
    ],
)

MODEL = Dashboard(
    "regno-model",
    "regno: model",
    "Which model is it, what does it say, and does it see what it was trained on?",
    [_SCORES, _VERSIONS, _INPUT],
)
