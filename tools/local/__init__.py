"""Run it here: the whole product on this machine."""
