"""The HTTP application: routes, streams, sign-in, the web app and the worker."""
