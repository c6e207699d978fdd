"""Identities, teams, roles, permission checks, tokens, sign-in and the audit trail."""
