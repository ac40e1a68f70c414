"""No text that somebody gives (names, notes, titles, files) becomes markup or script, on any page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from matplotlib.figure import Figure

from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.setting import standard
from twopeaks.validate.claims.claim import Estimate, Finding, Judgement, Outcome
from twopeaks.validate.experiment.experiment import Outcome as Networks
from twopeaks.validate.experiment.experiment import Result
from twopeaks.validate.measured.cell import Measured
from twopeaks.validate.pages import claims, report, scoreboard
from twopeaks.validate.pages.explorer import data
from twopeaks.validate.pages.explorer import page as explorer
from twopeaks.validate.pages.explorer.claims import read_claims
from twopeaks.validate.pages.explorer.gather import Content
from twopeaks.validate.pages.page import Table, environment
from twopeaks.validate.scores.board import Board, Row, boards
from twopeaks.validate.scores.predictors import Said

#: What somebody might write to be read as markup, as a script, as an attribute, or as a template.
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": "\"><img src=x onerror=alert(1)>' onload='alert(2)",
    "end": "</script></style></title></textarea><b>",
    "comment": "<!-- <script> --><i>",
    "template": "{{ 7*7 }}{% raw %}{# #}${7*7}",
}
Text = Callable[[str], str]


# --- pages of nothing but given text -------------------------------------------------------------------


def figures(*names: str) -> dict[str, Figure]:
    return {name: Figure((1, 1)) for name in names}


def prediction(text: Text, value: float | None = 70.0) -> Prediction:
    words = {"predictor": text("predictor"), "note": text("prediction's note"), "group": "Z11", "setting_id": "0"}
    numbers = {"value": value, "low": 60.0, "high": 80.0, "constants_fitted": 0, "runs_used": 0, "seconds": 1.0}
    return Prediction.model_validate({**words, **numbers, "valid": False, "assumptions": ()})


def report_page(text: Text) -> str:
    task = SimpleNamespace(group=text("group"), resolve=lambda: SimpleNamespace(order=11))
    network = SimpleNamespace(width=8, activation=text("activation"))
    rule = SimpleNamespace(model_dump=lambda: {text("field"): text("field's value")})
    conventions = {text("convention"): text("convention's words")}
    setting = SimpleNamespace(task=task, network=network, optimizer=rule, conventions=conventions)
    result = SimpleNamespace(
        experiment=SimpleNamespace(setting=setting, steps=100, every=10, seeds=(0, 1), control_seeds=(2, 3)),
        measured=SimpleNamespace(value=73.0, low=72.0, high=74.0),
        calibration=SimpleNamespace(fit=SimpleNamespace(generalising=1.0, scale=1.0, power=1.0, crossing=73.0)),
        predictions=(prediction(text),),
        scores=(Row(prediction(text), -0.05, -0.1, 0.0, True),),
        outcomes=(Networks(40, (None,), (None,), (0.5,), (False,)),),
        training_seconds=1.0,
    )
    facts = {text("fact"): text("fact's value")}
    return report.html_page(cast(Result, result), figures("transition", "two-peaks"), text("command"), facts)


def board(text: Text, *, predicted: bool = True) -> Board:
    cell = Measured("n_c", standard("Z11"), 73.0, 72.0, 74.0, 8, 1000, None, text("measurement's note"), text("source"))
    told = [Said(text("predictor"), "n_c", "file", {0: prediction(text)})] if predicted else []
    (made,) = boards([cell], told)
    return replace(made, names=(text("cell"),))


def scoreboard_page(text: Text) -> str:
    found = [board(text), board(text, predicted=False)]
    facts = {text("fact"): text("fact's value")}
    return scoreboard.scoreboard_page(found, {"n_c": Figure((1, 1))}, text("command"), facts)


def claims_page(text: Text) -> str:
    # made without their checks, which refuse such ids and names of forms
    estimate = Estimate(value=0.5, low=0.4, high=0.6, seeds=4, missing=0)
    words = {"name": text("form"), "prediction": text("form's prediction"), "quantity": text("quantity")}
    form = Judgement.model_construct(**words, low=0.0, high=1.0, estimate=estimate, verdict="supported")
    outcome = Outcome.model_construct(
        **{"id": text("id"), "statement": text("statement"), "source": text("source"), "measure": text("measure")},
        equations=(text("equation"),),
        verdict="supported",
        forms=(form,),
        finding=Finding(samples={}, budget=text("budget"), settings=(), notes=text("finding's note")),
        seeds=(0, 1),
        seconds=1.5,
        runtime={"device": text("device")},
    )
    facts = {text("fact"): text("fact's value")}
    return claims.claims_page([outcome], figures("verdicts", outcome.id), text("command"), facts)


def examined(text: Text, folder: Path) -> Path:
    """A claims.json."""
    form = {"name": "printed", "prediction": text("form's prediction"), "quantity": text("quantity")}
    estimate = {"value": 0.5, "low": 0.4, "high": 0.6, "seeds": 4, "missing": 0}
    claim = {
        **{"id": "wide-limit", "statement": text("statement"), "source": text("claim's source")},
        **{"equations": [text("equation")], "measure": text("measure"), "verdict": "undecided"},
        "forms": [{**form, "low": None, "high": 1.0, "estimate": estimate, "verdict": "undecided"}],
        "finding": {"samples": {}, "budget": text("budget"), "settings": [], "notes": text("finding's note")},
        **{"seeds": [0, 1], "seconds": 1.5},
    }
    path = folder / "claims.json"
    path.write_text(json.dumps({"command": "twopeaks", "claims": [claim]}))
    return path


def shown(text: Text) -> data.Shown:
    spot = data.Spot(73.0, 72.0, 74.0, text("number"))
    theory, label = text("theory"), text("label")
    mountain = data.Mountains(theory, label, text("words of costs"), (text("label"),), (1.0, 2.0), 1.5, spot)
    who = (text("predictor"), label, text("colour"), spot, text("error"), text("origin"))
    claimed = data.Claimed(*who, 0, 0, True, text("prediction's note"), text("command that predicts"))
    fate = data.Fate(40, 1, 2, spot, text("t_mem"), text("t_grok"), spot, text("command that trains"))
    accuracy = data.Accuracy(
        text("predictor"), label, (0.5, 0.6), (0.4, 0.5), (0.6, 0.7), True, text("accuracy's note")
    )
    stages = data.Stages(1, None, None)
    marked = (data.Marked(text("theory"), text("quantity"), spot),)
    shape = (40, 0, text("words of a curve"), (1, 2), (0.5, 1.0), (0.1, 0.2), (None, 1.0), stages, 2, marked)
    curves = data.Curves(*shape, text("folder"), text("command that trains"))
    return data.Shown(
        *(text("name"), 11, 121, {text("convention"): text("convention's words")}, text("network"), 1000, spot),
        *(text("source"), text("measurement's note"), text("command that scores"), (40.0, 90.0), 60),
        *((mountain,), (claimed,), (fate,), accuracy, (curves,)),
    )


@pytest.mark.parametrize(("field", "ordinary"), [("id", "wide-limit"), ("name", "printed")])
def test_ids_and_names_of_forms_that_are_none_are_refused(field: str, ordinary: str, tmp_path: Path) -> None:
    path = examined(lambda where: where, tmp_path)
    path.write_text(path.read_text().replace(f'"{field}": "{ordinary}"', f'"{field}": "<b>bold</b>"'))
    with pytest.raises(InputError, match=rf"--claims must be a claims.json, got .*{field}"):
        read_claims(path)


def explorer_page(text: Text, folder: Path) -> str:
    provenance = {
        **{"sources": [text("file")], "predictions": text("file of predictions"), "command": text("command")},
        **{"sha256": {text("file's name"): text("digest")}, "versions": {text("library"): text("version")}},
        "notes": [text("note")],
    }
    content = Content((shown(text),), (board(text),), read_claims(examined(text, folder)), provenance)
    return explorer.page(content, text("title"))


PAGES: dict[str, Callable[[Text, Path], str]] = {
    "report": lambda text, folder: report_page(text),
    "scoreboard": lambda text, folder: scoreboard_page(text),
    "claims": lambda text, folder: claims_page(text),
    "explorer": explorer_page,
}
FIELDS = {
    "report": "activation|command|convention|convention's words|fact|fact's value|field|field's value|group|predictor"
    "|prediction's note",
    "scoreboard": "cell|command|fact|fact's value|measurement's note|predictor|prediction's note",
    "claims": "budget|command|device|equation|fact|fact's value|finding's note|form|form's prediction|id|measure"
    "|quantity|source|statement",
    "explorer": "budget|cell|claim's source|command|convention|convention's words|digest|equation|file"
    "|file of predictions|file's name|finding's note|form's prediction|library|measure|note|predictor"
    "|prediction's note|quantity|statement|title|version",
}
#: In the data of the explorer's scripts, which put them on the page as text.
IN_DATA = (
    "accuracy's note|colour|command that predicts|command that scores|command that trains|error|folder|label"
    "|measurement's note|name|network|number|origin|predictor|prediction's note|quantity|source|t_grok|t_mem|theory"
    "|words of a curve|words of costs"
)


# --- what a browser makes of a page --------------------------------------------------------------------


class Skeleton(HTMLParser):
    """Elements and names of attributes, the texts between and in them, and the scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, ...]] = []
        self.texts: list[str] = [""]
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, *(name for name, _ in attrs)))
        self.texts += [value or "" for _, value in attrs] + [""]
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}",))
        self.texts.append("")
        self._inside = ""

    def handle_comment(self, data: str) -> None:
        self.elements.append(("comment",))

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        else:
            self.texts[-1] += data

    @property
    def data(self) -> str:
        """Every text in the data of the scripts."""
        return " ".join(texts_of(json.loads(self.scripts[0])))


def texts_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.items() for text in texts_of(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in texts_of(item)]
    return [value] if isinstance(value, str) else []


@pytest.fixture(autouse=True)
def light_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures and plotly's script take long, and hold no text of others."""
    for module in (report, scoreboard, claims):
        monkeypatch.setattr(module, "png", lambda figure: "data:,")
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "'</script><!-- </style>'")


CASES = [
    pytest.param(page, field, id=f"{page}-{field}") for page, fields in FIELDS.items() for field in fields.split("|")
]


@pytest.mark.parametrize("attack", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(("page", "field"), CASES)
def test_given_text_stays_text(page: str, field: str, attack: str, tmp_path: Path) -> None:
    plain = Skeleton(PAGES[page](str, tmp_path))
    attacked = Skeleton(PAGES[page](lambda name: attack if name == field else name, tmp_path))
    assert attacked.elements == plain.elements
    assert any(attack in text for text in attacked.texts)


@pytest.mark.parametrize("attack", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("field", IN_DATA.split("|"))
def test_data_of_scripts_stay_data(field: str, attack: str, tmp_path: Path) -> None:
    plain = Skeleton(PAGES["explorer"](str, tmp_path))
    attacked = Skeleton(PAGES["explorer"](lambda name: attack if name == field else name, tmp_path))
    assert attacked.elements == plain.elements
    assert attacked.scripts[1:] == plain.scripts[1:]
    assert attack in attacked.data
    assert "<" not in attacked.scripts[0]


@pytest.mark.parametrize("page", PAGES)
def test_every_field_is_attacked(page: str, tmp_path: Path) -> None:
    asked = set[str]()

    def note(name: str) -> str:
        asked.add(name)
        return name

    PAGES[page](note, tmp_path)
    known = {case.values[1] for case in CASES if case.values[0] == page}
    assert asked == known | (set(IN_DATA.split("|")) if page == "explorer" else set()) | NOT_SHOWN.get(page, set())


#: What a page is given and does not show.
NOT_SHOWN = {"scoreboard": {"source"}}


@pytest.mark.parametrize("attack", HOSTILE.values(), ids=HOSTILE)
def test_headings_of_columns_are_text(attack: str) -> None:
    source = '{% from "macros.html" import table %}{{ table(given) }}'
    made = environment().from_string(source).render(given=Table(((attack, attack),), [(attack,)]))
    skeleton = Skeleton(made)
    assert [tag for tag, *_ in skeleton.elements if not tag.startswith("/")] == [
        "div",
        "table",
        "thead",
        "tr",
        "th",
        "tbody",
        "tr",
        "td",
    ]
    assert skeleton.texts.count(attack) == 4


def test_a_script_and_a_style_cannot_end_before_their_end(tmp_path: Path) -> None:
    page = PAGES["explorer"](str, tmp_path)
    assert "'<\\/script><\\!-- <\\/style>'" in page
    assert len(Skeleton(page).scripts) == 3
