"""The queue exporter: what RabbitMQ knows of the queues, as metrics."""
