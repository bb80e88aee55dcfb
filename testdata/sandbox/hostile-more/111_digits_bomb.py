import sys
if hasattr(sys, "set_int_max_str_digits"): sys.set_int_max_str_digits(0)
n = 3 ** 400000
while True: n = int(str(n))
