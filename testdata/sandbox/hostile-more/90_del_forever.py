class Undead:
    def __del__(self):
        while True:
            try: [x for x in range(10 ** 6)]
            except BaseException: pass
keep = Undead()
print(6, flush=True)
