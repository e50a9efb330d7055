"""What the measured functions talk to over loopback: a Testmo of any size, a small AWS that counts, a Slack."""
