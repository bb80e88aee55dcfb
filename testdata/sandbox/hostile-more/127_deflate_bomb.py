import zlib
z = zlib.compressobj(9, zlib.DEFLATED, -15)
block = z.compress(bytes(1 << 20)) + z.flush(zlib.Z_FULL_FLUSH)
print(6, flush=True)
data = zlib.decompress(block * 2048, -15)
