import sys
class Odd:
    def __eq__(self, other): return True
    def write(self, s): return sys.__stdout__.write(s)
    def flush(self): sys.__stdout__.flush()
sys.stdout = Odd()
print(int(input()) + 1)
class Gone(Odd):
    def __del__(self):
        if hasattr(sys, "stdout"): del sys.stdout
keep = Gone()
