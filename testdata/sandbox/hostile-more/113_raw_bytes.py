import os
for part in (b"\xef\xbb\xbf\x00\xff\xfe\xc0\xaf6\r\r\x00\n", b"A" * 1000000, b"\n\xed\xa0\x806"):
    while part: part = part[os.write(1, part):]
os.write(2, b"\x00\xff" * 1000)
