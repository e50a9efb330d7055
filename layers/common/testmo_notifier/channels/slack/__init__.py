"""Slack through incoming webhooks."""
