"""Settings of Flower's Celery application: the queues that its Broker page shows from the start.

Flower asks each worker for its queues once, when it starts itself, and shows these until one
answers.
"""

from kombu.entity import Queue

task_default_queue = "regno.sync"
task_queues = [Queue("regno.sync"), Queue("regno.async"), Queue("regno.dead")]
