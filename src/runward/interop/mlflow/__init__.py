"""MLflow's REST protocol over the rooms: unmodified ``mlflow`` clients record into Runward.

Nothing here knows a web framework: :func:`runward.interop.mlflow.router.answer` takes a parsed request and gives a
JSON value; the server's module mounts it.
"""
