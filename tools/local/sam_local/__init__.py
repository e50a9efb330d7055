"""`make sam-local`: both functions in real containers, by `sam local invoke`, on a stack of this machine.

`__main__` starts it, `flow` is what happens, `engine` finds or starts Docker, `image` makes what the containers are
made from, `invocation` runs one and judges it, `relay` joins a container's loopback to this machine's.
"""
