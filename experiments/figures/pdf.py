"""Compile every .typ file of a folder to PDF: pdf.py FOLDER

Only the fonts in the folder are used, and the time is fixed, so the same input gives
the same bytes on every machine.
"""
import pathlib
import sys

import typst

folder = pathlib.Path(sys.argv[1])
for source in sorted(folder.glob("*.typ")):
    pdf = typst.compile(str(source), root=str(folder), font_paths=[str(folder)], ignore_system_fonts=True, timestamp=0)
    source.with_suffix(".pdf").write_bytes(pdf)
