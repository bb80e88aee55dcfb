import sys
print(6)
sys.stderr.write('Traceback (most recent call last):\n  File "main.py", line 1, in <module>\nMemoryError\n')
sys.exit(1)
