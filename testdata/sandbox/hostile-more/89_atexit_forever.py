import atexit, time
print(int(input()) + 1, flush=True)
def again():
    while True:
        try: time.sleep(1000)
        except BaseException: pass
atexit.register(again)
