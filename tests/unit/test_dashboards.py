"""What Grafana reads is what the code says."""

import json

import pytest
import yaml

from ops.grafana.__main__ import FOLDER
from ops.grafana.catalogue import DASHBOARDS
from ops.grafana.heat import heat
from ops.grafana.json_model import DATASOURCE, to_json
from ops.grafana.panels import Dashboard
from ops.grafana.picture import legend
from ops.local.programs import ROOT
from ops.watch.prometheus import Series
from ops.watch.scraping import localised

PROVISIONING = ROOT / "ops/grafana/provisioning"

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.uid)


@each_dashboard
def test_the_file_is_what_the_code_makes(dashboard: Dashboard) -> None:
    found = (FOLDER / f"{dashboard.uid}.json").read_text(encoding="utf-8")
    assert found == to_json(dashboard), "run: make docs"


def test_no_file_is_left_of_a_dashboard_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {one.uid for one in DASHBOARDS}


@each_dashboard
def test_panels_do_not_overlap_and_fit_the_page(dashboard: Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(to_json(dashboard))["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


@each_dashboard
def test_ids_and_titles_of_panels_are_their_own(dashboard: Dashboard) -> None:
    panels = json.loads(to_json(dashboard))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    titles = [panel.title for panel in dashboard.panels()]
    assert len(set(titles)) == len(titles)


def test_grafana_is_given_the_datasource_that_panels_ask_for() -> None:
    text = (PROVISIONING / "datasources/prometheus.yml").read_text(encoding="utf-8")
    sources = yaml.safe_load(text)["datasources"]
    assert [{"type": one["type"], "uid": one["uid"]} for one in sources] == [DATASOURCE]


def test_a_legend_names_the_labels_of_its_line() -> None:
    assert legend("p99 {{lane}}", {"lane": "sync", "le": "1"}) == "p99 sync"
    assert legend("late {{route}}", {}) == "late "


def test_a_heatmap_shows_what_each_bucket_holds_by_itself() -> None:
    warmth = heat(
        [
            Series({"le": "+Inf"}, [(10.0, 7.0), (20.0, float("nan"))]),
            Series({"le": "0.5"}, [(10.0, 2.0), (20.0, float("nan"))]),
            Series({"le": "1.0"}, [(10.0, 6.0), (20.0, float("nan"))]),
        ]
    )
    assert warmth.bounds == ["0.5", "1.0", "+Inf"]
    assert warmth.times == [10.0, 20.0]
    assert warmth.counts == [[2.0, 0.0], [4.0, 0.0], [1.0, 0.0]]


def test_a_local_prometheus_differs_only_in_its_targets() -> None:
    made = yaml.safe_load(localised({"worker": ["127.0.0.1:1", "127.0.0.1:2"], "flower": []}))
    assert made["global"]["scrape_interval"] == "5s"
    assert made["scrape_configs"] == [
        {
            "job_name": "worker",
            "static_configs": [{"targets": ["127.0.0.1:1", "127.0.0.1:2"]}],
        }
    ]


def test_a_job_that_the_shipped_configuration_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="workers"):
        localised({"workers": ["127.0.0.1:1"]})
