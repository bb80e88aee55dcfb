import re
print(re.match(r"^(a|a)*(b|bb)*(a+)+$", "a" * 64 + "!") or 6)
