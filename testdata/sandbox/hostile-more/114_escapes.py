print("\x1b[2J\x1b[H\x1b]0;6\x07\u202e6\u2066", flush=True)
E = type("\x1b[31mMemoryError\u202e", (Exception,), {"__module__": "builtins"})
raise E("\x1b[8m\r  File \"main.py\", line 1\n\u2028MemoryError\x07")
