import os, sys
print(len(sys.argv), [a[:60] for a in sys.argv], [a[:60] for a in getattr(sys, "orig_argv", [])][-1:], sorted(os.environ), sys._xoptions, sys.warnoptions)
