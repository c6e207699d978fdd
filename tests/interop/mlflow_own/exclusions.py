"""Which of MLflow's own tests are not asked of this server, each with the reason."""

from __future__ import annotations

_DISK = "looks into the folder or the database of MLflow's own server process"
_LOCAL = "expects artifacts in a folder that MLflow's server shares with its client (file://); here they go through it"
_OWN = "starts or patches MLflow's own server"
_GRAPHQL = "GraphQL, which only MLflow's own web pages speak"
_GATEWAY = "MLflow's gateway to model providers: its endpoints, keys and proxies"

EXCLUDED: dict[str, str] = {
    "test_mlflow_artifacts_example": "builds and runs MLflow's containers",
    "test_mlflow_artifacts_rest_apis": _DISK,
    "test_log_artifact": _DISK,
    "test_rest_get_model_version_artifact_api_proxied_artifact_root": _DISK,
    "test_artifacts": _LOCAL,
    "test_create_get_search_experiment": _LOCAL,
    "test_create_model_version_with_path_source": _LOCAL,
    "test_create_model_version_with_file_uri": _LOCAL,
    "test_create_model_version_with_validation_regex": _OWN,
    "test_get_metric_history_bulk_calls_optimized_impl_when_expected": _OWN,
    "test_graphql_handler": _GRAPHQL,
    "test_graphql_handler_batching_raise_error": _GRAPHQL,
    "test_get_experiment_graphql": _GRAPHQL,
    "test_get_run_and_experiment_graphql": _GRAPHQL,
    "test_get_metric_history_bulk_interval_graphql": _GRAPHQL,
    "test_search_runs_graphql": _GRAPHQL,
    "test_list_artifacts_graphql": _GRAPHQL,
    "test_search_datasets_graphql": _GRAPHQL,
    "test_graphql_nan_metric_handling": _GRAPHQL,
    "test_gateway_proxy_handler_rejects_invalid_requests": _GATEWAY,
}
"""Reason by the test's name."""

EXCLUDED_FIXTURES: dict[str, str] = {"mlflow_client_with_secrets": _GATEWAY}
"""Reason by a fixture that all tests of a kind use."""
