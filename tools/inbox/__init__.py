"""Where Slack messages arrive when there is no Slack."""
