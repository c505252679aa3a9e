"""The arithmetic of one cell, as a table and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mha_core.figures.said import Teller, flag, number, written
from mha_core.figures.words import COLUMNS, LABELS, TEMPLATES
from mha_core.origins import one_item
from mha_core.stage import Arithmetic, Cell, Term
from mha_core.words import listed, say

DECIDED = ("rule", "fill")
"""How terms are joined where a cell is decided and not computed: the reason is part of its way."""


class Sums:
    """Says how the cells of one batch item were computed."""

    def __init__(self, teller: Teller) -> None:
        """Say it in the words of `teller`."""
        self.teller, self.trace = teller, teller.trace
        self.available: Mapping[str, Any] = one_item(teller.trace, teller.item)

    def arithmetic(self, name: str, index: Cell) -> Arithmetic | None:
        """Return how a cell was computed; None where it was only drawn or moved."""
        worked = self.trace.stage(name).worked
        return worked(name, (0, *index[1:]), self.available) if worked else None

    def reasons(self, name: str, index: Cell, with_flag: bool = False) -> list[str]:
        """Say why a cell that was decided is as it is; nothing of one that was computed.

        Args:
            name: the tensor.
            index: the cell.
            with_flag: whether a fill also says why its flag is as it is.
        """
        worked = self.arithmetic(name, index)
        if worked is None or worked.joined_by not in DECIDED:
            return []
        found = self._decided(name, index, worked)
        if worked.joined_by == "fill" and with_flag:
            source, at = worked.terms[0].cells[0]
            found += self.reasons(source, self._absolute(source, at))
        return found

    def _absolute(self, name: str, index: Cell) -> Cell:
        return (self.teller.item, *index[1:]) if name in self.trace.names else index

    def _cell(self, source: str, index: Cell) -> str:
        return written(source, self._absolute(source, index))

    def _decided(self, name: str, index: Cell, worked: Arithmetic) -> list[str]:
        yes = "true" if worked.terms and worked.terms[0].value else "false"
        if worked.joined_by == "fill":
            first, last = worked.terms[0], worked.terms[-1]
            return [
                say(
                    TEMPLATES[f"fill_{yes}"],
                    flag=self._cell(*first.cells[0]),
                    kept=self._cell(*last.cells[0]),
                    **self._totals(name, index, worked),
                )
            ]
        said = [
            say(
                TEMPLATES[f"rule_{term.rule}_{'true' if term.value else 'false'}"],
                first=number(term.factors[0]),
                second=number(term.factors[1]),
                **self.teller.places(name, index),
            )
            for term in worked.terms
        ]
        end = ("true" if worked.total else "false") if worked.terms else "none"
        return [*said, say(TEMPLATES[f"flag_{end}"], cell=written(name, index))]

    def _totals(self, name: str, index: Cell, worked: Arithmetic) -> dict[str, str]:
        shown = self.teller.value(name, index)
        return {
            "total": number(worked.total, 17),
            "shown": number(shown, self.teller.digits),
            "apart": number(abs(worked.total - shown), 2),
            "dtype": self.trace.config.dtype,
        }

    def _sentence(self, name: str, index: Cell, worked: Arithmetic) -> str:
        if worked.joined_by in DECIDED:
            return listed(self._decided(name, index, worked), "sentences")
        alone = f"{worked.joined_by}_one" if len(worked.terms) == 1 else worked.joined_by
        return say(
            TEMPLATES.get(alone, TEMPLATES[worked.joined_by]),
            count=len(worked.terms),
            divisor=number(worked.divisor or 0.0, 17),
            number=number(worked.terms[0].value, 17),
            **self._totals(name, index, worked),
        )

    def table(self, name: str, index: Cell) -> dict[str, Any] | None:
        """Return the arithmetic of a cell for the drawing; None where it was only drawn or moved."""
        worked = self.arithmetic(name, index)
        if worked is None:
            return None
        products = any(len(term.factors) > 1 for term in worked.terms)
        columns = "terms" if worked.joined_by == "sum" and not products else worked.joined_by
        sources = [source for source, _ in worked.terms[0].cells] if worked.terms else []
        facts = dict(zip(("left", "right"), [*sources, "", ""], strict=False))
        return {
            "index": list(index),
            "joined_by": worked.joined_by,
            "divisor": worked.divisor,
            "chosen": worked.chosen,
            "total": worked.total,
            "shown": self.teller.value(name, index),
            "sentence": self._sentence(name, index, worked),
            "columns": [say(template, **facts) for template in COLUMNS[columns].values()],
            "rows": [self._row(term, worked.joined_by) for term in worked.terms],
        }

    def _row(self, term: Term, joined_by: str) -> list[Any]:
        """Return a term's label, its one or two numbers, and its value; texts are shown as they are."""
        if term.rule:
            return [say(LABELS[f"rule_{term.rule}"]), *term.factors, flag(term.value)]
        label = listed((self._cell(source, at) for source, at in term.cells), "product")
        if len(term.factors) > 1:
            return [label, *term.factors, term.value]
        # where others are multiplied, a bias is not: it stands under the products alone
        alone = joined_by in ("sum", "fill")
        value = flag(term.value) if self.teller.is_flag(term.cells[0][0]) else term.value
        return [label, None if alone else term.factors[0], None, value]
