"""Read tables as spreadsheets save them, and write such as they may open: CSV in UTF-8."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice
from typing import NamedTuple

from babel.lists import format_list

from models.language import N_, gettext, locale
from models.visible import visible
from workflows.refusals import BadFile

BOM = "\ufeff"
DELIMITERS = ",;\t"
LONGEST_LINE = 4000
# Lines that one row may take, for line breaks within its cells: a mark that is never closed takes no more along.
LONGEST_ROW = 8
# Where a cell begins like this, a spreadsheet takes it for a formula, full width or not. One that is set to another
# delimiter than ours sees a beginning behind each of those.
FORMULA = re.compile(r"(^|[;\t\r\n])(?=[=+\-@\t\r\n＝＋－＠])")
SHOWN = 60


class Row(NamedTuple):
    """One row by its columns, the line where it begins, and why it cannot be read, if so."""

    line: int
    cells: dict[str, str]
    trouble: str = ""


def read_table(sent: bytes, *, columns: Sequence[str], most: int) -> list[Row]:
    """Return the rows of a file whose first line names these columns, in any order; empty lines are no rows.

    A row that cannot be read says why, and stops no other. Raises BadFile where the file as a whole is none.
    """
    lines = _text(sent).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > (most + 1) * LONGEST_ROW:
        raise BadFile(
            gettext(
                "it has %(lines)s lines, far more than %(most)s rows need. Split it, or delete empty lines.",
                lines=f"{len(lines):,}",
                most=f"{most:,}",
            )
        )
    start = next((number for number, line in enumerate(lines) if line.strip() and not _is_hint(line)), None)
    if start is None:
        raise BadFile(gettext("it is empty."))
    header, delimiter = _header(lines[start], columns)
    rows = list(islice(_rows(lines, start + 1, header, delimiter), most + 1))
    if len(rows) > most:
        too_long = N_("it has more than %(most)s rows. Split it, and send the parts one after another.")
        raise BadFile(gettext(too_long, most=f"{most:,}"))
    if not rows:
        raise BadFile(gettext("there is nobody below its first line."))
    return rows


def write_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV that a spreadsheet opens as what it is: its cells are text, whatever they look like."""
    written = StringIO()
    lines = csv.writer(written)
    lines.writerow(header)
    lines.writerows([_harmless(str(cell)) for cell in row] for row in rows)
    return BOM + written.getvalue()


def _text(sent: bytes) -> str:
    try:
        text = sent.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    # What is written in UTF-16 has a NUL in its first word.
    if "\0" in text[:8]:
        raise BadFile(gettext("it is no text in UTF-8. When you save it from a spreadsheet, choose “CSV UTF-8”."))
    return text


def _is_hint(line: str) -> bool:
    """Return whether the line only says which delimiter follows, as some spreadsheets want to be told."""
    return line.strip().lower() in {f"sep={each}".strip() for each in DELIMITERS}


def _header(line: str, columns: Sequence[str]) -> tuple[list[str], str]:
    delimiter = max(DELIMITERS, key=line.count)
    cells, _ = _row_at([line[:LONGEST_LINE]], 0, delimiter)
    names = _trimmed([cell.strip().lower() for cell in cells or []], 0)
    all_of_them = gettext("the columns are %(columns)s", columns=format_list(columns, locale=locale()))
    if not set(names) & set(columns):
        said = N_("its first line is “%(line)s”, and should name the columns; %(columns)s.")
        raise BadFile(gettext(said, line=_shown(line), columns=all_of_them))
    for name in names:
        if name not in columns:
            said = N_("its column “%(name)s” is not known; %(columns)s.")
            raise BadFile(gettext(said, name=_shown(name), columns=all_of_them))
        if names.count(name) > 1:
            raise BadFile(gettext("its column “%(name)s” comes twice.", name=name))
    if missing := [name for name in columns if name not in names]:
        raise BadFile(gettext("it has no column “%(name)s”; %(columns)s.", name=missing[0], columns=all_of_them))
    return names, delimiter


def _rows(lines: Sequence[str], number: int, header: Sequence[str], delimiter: str) -> Iterator[Row]:
    while number < len(lines):
        cells, taken = _row_at(lines, number, delimiter)
        if cells is None:
            yield Row(number + 1, {header[0]: lines[number][:SHOWN]}, _trouble(lines[number]))
        elif any(cell.strip() for cell in cells):
            yield _row(number + 1, _trimmed(cells, len(header)), header)
        number += taken


def _row_at(lines: Sequence[str], start: int, delimiter: str) -> tuple[list[str] | None, int]:
    """Return the cells of the row that begins there, and how many lines it takes; None where it is no row."""
    for end in range(start + 1, min(start + LONGEST_ROW, len(lines)) + 1):
        if len(lines[end - 1]) > LONGEST_LINE:
            break
        try:
            read = csv.reader([f"{line}\n" for line in lines[start:end]], delimiter=delimiter, strict=True)
            return next(read), end - start
        except csv.Error as error:
            if "end of data" not in str(error):
                break
    return None, 1


def _trouble(line: str) -> str:
    if len(line) > LONGEST_LINE:
        return gettext("This line is longer than %(longest)s characters.", longest=LONGEST_LINE)
    return gettext("The quotation marks of this line do not match.")


def _row(line: int, cells: Sequence[str], header: Sequence[str]) -> Row:
    named = dict(zip(header, cells, strict=False))
    if len(cells) != len(header):
        said = N_("The cells of this line are %(cells)s, those of the first line %(first)s.")
        return Row(line, named, gettext(said, cells=len(cells), first=len(header)))
    return Row(line, named)


def _trimmed(cells: Sequence[str], least: int) -> list[str]:
    """Return the cells without the empty ones at the end that a wider sheet leaves behind."""
    filled = max((number for number, cell in enumerate(cells, 1) if cell.strip()), default=0)
    return list(cells[: max(filled, least)])


def _harmless(cell: str) -> str:
    return FORMULA.sub(r"\1'", cell)


def _shown(text: str) -> str:
    return visible(text[:SHOWN])
