"""Every sentence that a person may read, gathered from templates and code: `python -m tests.languages` brings the
catalogues up to date, and leaves what is new in them without a translation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from models.language import CATALOGUES, ENGLISH, LANGUAGES

ROOT = Path(__file__).parent.parent
KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2), "NN_": (1, 2)}
TEMPLATES = ("pages/*.html", "email/**/*.html", "email/**/*.txt")
OPTIONS = {"trimmed": "true", "silent": "false"}
WIDTH = 120
HEADER = r"""msgid ""
msgstr ""
"Language: {language}\n"
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: {plural}\n"

"""


def gathered() -> Catalog:
    """Return all sentences, in the order in which they are found."""
    found = Catalog(project="Guestlist", charset="utf-8")
    for path in sources():
        method = "python" if path.suffix == ".py" else "jinja2.ext:babel_extract"
        for _, message, _, _ in extract_from_file(method, path, keywords=KEYWORDS, options=OPTIONS):
            found.add(message, locations=[(str(path.relative_to(ROOT)), None)])
    for sentence in refusals():
        found.add(sentence, locations=[("workflows/refusals.py", None)])
    return found


def sources() -> Iterator[Path]:
    """Yield the files in which people are spoken to."""
    for folder in ("models", "workflows", "jobs", "webapp"):
        yield from sorted((ROOT / folder).glob("**/*.py"))
    for pattern in TEMPLATES:
        yield from sorted((ROOT / "templates").glob(pattern))


def refusals() -> Iterator[str]:
    """Yield the sentences of all refusals, which are docstrings."""
    tree = ast.parse((ROOT / "workflows" / "refusals.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and (said := ast.get_docstring(node)) and re.search("[a-z]", said):
            yield said


def catalogue(language: str) -> Catalog:
    """Return what is kept of a language."""
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language.replace("-", "_"))


def keep(language: str, kept: Catalog) -> None:
    """Write a language's catalogue, as it is to be read by people, too."""
    kept.obsolete.clear()
    with (CATALOGUES / f"{language}.po").open("wb") as file:
        file.write(HEADER.format(language=language, plural=kept.plural_forms).encode())
        write_po(file, kept, width=WIDTH, omit_header=True, sort_by_file=True, include_lineno=False)


def main() -> None:
    """Bring every catalogue up to date."""
    found = gathered()
    for language in LANGUAGES:
        if language != ENGLISH:
            kept = catalogue(language)
            kept.update(found, no_fuzzy_matching=True)
            keep(language, kept)
            missing = [each.id for each in kept if each.id and not all(_forms(each.string))]
            print(f"{language}: {len(kept)} sentences, {len(missing)} without a translation")  # noqa: T201


def _forms(string: str | tuple[str, ...]) -> tuple[str, ...]:
    return string if isinstance(string, tuple) else (string,)


if __name__ == "__main__":
    main()
