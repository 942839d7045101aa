"""``python -m ops.local.test_tools``: what the tests need besides Python packages."""

import shutil
import sys
import tempfile
from pathlib import Path

from ops.local import system


def main() -> int:
    """Installs what is missing with apt; 1 where the servers cannot be had."""
    missing = []
    if system.find_rabbitmq() is None:
        missing.append("rabbitmq-server")
    if system.find_redis() is None:
        missing.append("redis-server")
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        missing += ["chromium", "chromium-driver"]
    if system.find_prometheus() is None:
        missing.append("prometheus")
    if system.find_redis_exporter() is None:
        missing.append("prometheus-redis-exporter")
    if not missing:
        return 0
    names = " ".join(missing)
    log = Path(tempfile.gettempdir()) / "regno-apt.log"
    sys.stderr.write(f"regno: installing {names} with apt (once; log: {log})\n")
    if system.can_install() and system.apt_install(missing, log):
        return 0
    sys.stderr.write(f"regno: the tests need {names}; please install them\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
