"""The commands of whoever operates a stack, on a real one."""
