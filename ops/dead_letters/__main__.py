"""``python -m ops.dead_letters``: what could not be done, and what to do about it."""

import argparse
import os
import signal
import sys

from ops.dead_letters import commands
from ops.dead_letters.commands import Chosen, Replay
from ops.dead_letters.queue import DeadQueue
from ops.dead_letters.settings import DeadLettersSettings
from ops.dead_letters.tasks import TaskResults
from shared.errors import InvalidSettings, RegnoError
from shared.redis_client import connect_redis
from shared.settings import load

_INTERRUPTED = 128 + signal.SIGINT


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m ops.dead_letters",
        description="Looks after regno.dead: messages that no worker ever finished, or that are no "
        "tasks.",
        epilog="REGNO_BROKER_URL and REGNO_REDIS_URL say where; REGNO_TASK_TTL and "
        "REGNO_RESULT_TTL, as the front door has them, how long a replayed task lives. The exit "
        "status is 0 where everything that was asked for was done.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    lists = actions.add_parser("list", help="a line for each letter")
    lists.add_argument("--json", action="store_true", help="an array of objects instead of a table")
    shows = actions.add_parser("show", help="headers and rows of one letter")
    shows.add_argument("id", metavar="ID", help="as list tells it")
    replays = actions.add_parser(
        "replay", help="hand letters to the workers again: their tasks are queued, then done"
    )
    drops = actions.add_parser("drop", help="remove letters for good")
    for chooses in (replays, drops):
        chosen = chooses.add_mutually_exclusive_group(required=True)
        chosen.add_argument("ids", nargs="*", default=[], metavar="ID", help="as list tells them")
        chosen.add_argument("--all", action="store_true", help="every letter that is there now")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, settings: DeadLettersSettings) -> bool:
    """Whether everything was done. Raises RegnoError where a server does not do its part."""
    with DeadQueue(settings.broker_url) as queue, connect_redis(settings) as redis:
        if arguments.action == "list":
            return commands.list_letters(queue, _say, as_json=arguments.json)
        if arguments.action == "show":
            return commands.show(queue, _say, arguments.id)
        tasks = TaskResults(redis, settings.result_ttl, settings.task_ttl)
        chosen = Chosen(None if arguments.all else arguments.ids)
        if arguments.action == "drop":
            return commands.drop(queue, tasks, _say, chosen)
        return Replay(queue, tasks, _say, settings.task_ttl).run(chosen)


def _say(line: str) -> None:
    """At once: an interruption must not hide what was done."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Runs one command; the exit status."""
    arguments = _arguments()
    try:
        done = _run(arguments, load(DeadLettersSettings, os.environ))
    except InvalidSettings as error:
        sys.stderr.write(f"{error}\n")
        return os.EX_CONFIG
    except RegnoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
