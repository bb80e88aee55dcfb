import os
print(6)
os.closerange(0, 256)
