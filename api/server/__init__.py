"""HTTP/1.1 under gunicorn's worker process: connections, parsing, admission, WSGI."""
