#!/usr/bin/env python3
"""Draws synthetic customers, the same for the same seed, and writes them as `.xlsx` row by row.

    python3 data.py ROWS OUT.xlsx [--seed N] [--slim]

Rows come from six audiences in which town, tier, month and gender go together, so that clustering has something to
find. --slim leaves out names, addresses, phone numbers and notes: what a sheet of a million rows is made of here.

The workbook is what Excel would write (shared strings, a date style, one deflated sheet), but made by the standard
library alone and in constant memory but for the strings: a library's writer needs minutes for a million rows, and
writing is not what is measured.
"""
import argparse
import datetime
import os
import random
import zipfile
from itertools import chain
from pathlib import Path
from xml.sax.saxutils import escape

TOWNS = ["Ang Mo Kio", "Bedok", "Bishan", "Bukit Batok", "Bukit Merah", "Bukit Panjang", "Bukit Timah", "Central Area",
         "Choa Chu Kang", "Clementi", "Geylang", "Hougang", "Jurong East", "Jurong West", "Kallang", "Marine Parade",
         "Novena", "Pasir Ris", "Punggol", "Queenstown", "Sembawang", "Sengkang", "Serangoon", "Tampines", "Toa Payoh",
         "Woodlands", "Yishun"]
TIERS = ["Silver", "Gold", "Platinum"]
# Share of the customers, towns, odds of the tiers, share of women, months of joining.
AUDIENCES = [
    (0.26, ["Punggol", "Sengkang", "Hougang"], (62, 28, 10), 0.58, (1, 2, 3)),
    (0.20, ["Jurong West", "Choa Chu Kang", "Bukit Panjang"], (66, 26, 8), 0.44, (10, 11, 12)),
    (0.18, ["Bukit Timah", "Novena", "Central Area"], (18, 34, 48), 0.52, (5, 6)),
    (0.16, ["Bedok", "Tampines", "Pasir Ris"], (48, 36, 16), 0.50, (7, 8, 9)),
    (0.12, ["Woodlands", "Yishun", "Sembawang"], (70, 22, 8), 0.47, (4, 5, 6)),
    (0.08, ["Queenstown", "Bukit Merah", "Marine Parade"], (25, 45, 30), 0.60, (1, 11, 12)),
]
FIRST_DAY, N_DAYS = datetime.date(2022, 5, 1), 1096
EPOCH = datetime.date(1899, 12, 30)
GIVEN = ["Aisha", "Ben", "Chen", "Devi", "Esther", "Farid", "Grace", "Hui Min", "Imran", "Jun", "Kavita", "Li Ting"]
FAMILY = ["Abdullah", "Chua", "Goh", "Kumar", "Lee", "Lim", "Nair", "Ng", "Rahman", "Tan", "Teo", "Wong"]
WORDS = ["asked", "about", "the", "parking", "late", "prefers", "calls", "gift", "card", "renewed", "moved", "weekday"]
COLUMNS = ["Customer ID", "Full Name", "Email Address", "Phone Number", "Date Joined", "Location", "Gender",
           "Loyalty Tier", "Notes"]
SLIM = ["Customer ID", "Date Joined", "Location", "Gender", "Loyalty Tier"]


def days_by_audience():
    """For each audience the days one joins on: those of its months are drawn four times as often."""
    days = [FIRST_DAY + datetime.timedelta(n) for n in range(N_DAYS)]
    return [[day for day in days for _ in range(4 if day.month in months else 1)] for *_, months in AUDIENCES]


def customers(rows, seed):
    """Yields one dict a customer, keyed by the names of COLUMNS; `Date Joined` is a date."""
    draw = random.Random(seed)
    days = days_by_audience()
    shares = [audience[0] for audience in AUDIENCES]
    for number in range(1, rows + 1):
        k = draw.choices(range(len(AUDIENCES)), shares)[0]
        _, towns, odds, women, _ = AUDIENCES[k]
        name = f"{draw.choice(GIVEN)} {draw.choice(FAMILY)}"
        yield {
            "Customer ID": f"C{number:07d}",
            "Full Name": name,
            "Email Address": f"{name.lower().replace(' ', '.')}.{number}@example.org",
            "Phone Number": draw.randrange(80_000_000, 99_999_999),
            "Date Joined": draw.choice(days[k]),
            "Location": draw.choice(towns if draw.random() < 0.7 else TOWNS),
            "Gender": "Female" if draw.random() < women else "Male",
            "Loyalty Tier": draw.choices(TIERS, odds)[0],
            "Notes": " ".join(draw.choices(WORDS, k=5)).capitalize() + ".",
        }


class SharedStrings:
    """Numbers each distinct text in the order of its first use."""

    def __init__(self):
        self.numbers = {}

    def __getitem__(self, text):
        return self.numbers.setdefault(text, len(self.numbers))

    def xml(self):
        head = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" uniqueCount="%d">'
        yield head % len(self.numbers)
        for text in self.numbers:
            yield f"<si><t>{escape(text)}</t></si>"
        yield "</sst>"


def cell(reference, value, strings):
    """One cell's XML: style 1 is a date, text goes by its number in the shared strings."""
    if isinstance(value, datetime.date):
        return f'<c r="{reference}" s="1"><v>{(value - EPOCH).days}</v></c>'
    if isinstance(value, int):
        return f'<c r="{reference}"><v>{value}</v></c>'
    return f'<c r="{reference}" t="s"><v>{strings[value]}</v></c>'


def sheet(rows, columns, strings):
    """Yields the sheet's XML, one row after the other."""
    yield '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    headers = {title: title for title in columns}
    for number, row in enumerate(chain([headers], rows), 1):
        cells = "".join(cell(f"{chr(65 + k)}{number}", row[title], strings) for k, title in enumerate(columns))
        yield f'<row r="{number}">{cells}</row>'
    yield "</sheetData></worksheet>"


PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/styles.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>'
    '<Override PartName="/xl/sharedStrings.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="xl/workbook.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="worksheets/sheet1.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/>'
    '<Relationship Id="rId2" Target="styles.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles"/>'
    '<Relationship Id="rId3" Target="sharedStrings.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="Customers" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/styles.xml": '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
    '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="1"><fill><patternFill patternType="none"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>',
}
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def write_part(archive, name, pieces):
    """Streams one part into the archive, a few thousand pieces at a time."""
    with archive.open(name, "w", force_zip64=True) as part:
        part.write(XML.encode())
        waiting = []
        for piece in pieces:
            waiting.append(piece)
            if len(waiting) == 4096:
                part.write("".join(waiting).encode())
                waiting.clear()
        part.write("".join(waiting).encode())


def write_workbook(path, rows, columns):
    """Writes `rows` (dicts) to `path`, which appears only once it is whole."""
    draft = Path(path).with_suffix(".part")
    strings = SharedStrings()
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, text in PARTS.items():
            write_part(archive, name, [text])
        write_part(archive, "xl/worksheets/sheet1.xml", sheet(rows, columns, strings))
        write_part(archive, "xl/sharedStrings.xml", strings.xml())
    os.replace(draft, path)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("rows", type=int)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--slim", action="store_true")
    asked = arguments.parse_args()
    write_workbook(asked.out, customers(asked.rows, asked.seed), SLIM if asked.slim else COLUMNS)


if __name__ == "__main__":
    main()
