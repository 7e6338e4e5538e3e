"""A sweep's page: a table of the trials and Optuna's plots, in one HTML file without scripts."""

import base64
import html as markup
import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.sweeps.results import Results

STYLE = (
    "body{font-family:sans-serif;margin:2em;max-width:75em}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;border:1px solid #ccc;text-align:left}"
    "img{max-width:100%}"
)
FEWEST = 2  # complete trials, of which anything can be plotted


def html(found: "Results") -> str:
    """Return the page."""
    title = markup.escape(found.name)
    best = found.best
    parts = [f"<h1>{title}</h1>", f"<p>{markup.escape(found.counts())}</p>"]
    if best:
        parts.append(f"<p>Best: trial {best.number}</p><pre>{markup.escape(found.command)}</pre>")
    for name, picture in _pictures(found):
        parts.append(f'<h2>{name}</h2><img alt="{name}" src="data:image/png;base64,{picture}">')
    parts += ["<h2>Trials</h2>", _table(found)]
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def _table(found: "Results") -> str:
    tested = list(dict.fromkeys(name for each in found.complete for name in each.test))
    objective = [found.objective.metric] if found.objective else []
    header = [
        "trial",
        *found.sweep.space,
        "state",
        *objective,
        *(f"test {each}" for each in tested),
    ]
    rows = [
        [
            each.number,
            *each.values.values(),
            f"{each.state} {each.reason}".strip(),
            *([_number(each.value)] if objective else []),
            *(_number(each.test.get(name)) for name in tested),
        ]
        for each in found.trials
    ]
    lines = [_row("th", header), *(_row("td", row) for row in rows)]
    return f"<table>{''.join(lines)}</table>"


def _row(tag: str, cells: list[Any]) -> str:
    return f"<tr>{''.join(f'<{tag}>{markup.escape(str(each))}</{tag}>' for each in cells)}</tr>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _pictures(found: "Results") -> Iterator[tuple[str, str]]:
    """Yield the title and the bytes, in base64, of each plot that can be drawn."""
    if found.objective is None or len(found.complete) < FEWEST:
        return
    import matplotlib as mpl

    mpl.use("Agg")
    from optuna import exceptions, importance
    from optuna.visualization import matplotlib as plots

    from pipelines.sweeps import sampling

    study = sampling.study_of(found.sweep, found.objective.goal, found.trials)
    metric = found.objective.metric
    drawn = {
        "Optimization history": lambda: plots.plot_optimization_history(study, target_name=metric),
        "Importance of parameters": lambda: plots.plot_param_importances(
            study, evaluator=importance.FanovaImportanceEvaluator(seed=0), target_name=metric
        ),
        "Parallel coordinates": lambda: plots.plot_parallel_coordinate(study, target_name=metric),
    }
    for title, draw in drawn.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                axes = draw()
            except (ValueError, RuntimeError, exceptions.OptunaError):
                continue  # too few different values
            yield title, _png(axes)


def _png(axes: Any) -> str:
    from matplotlib import pyplot as plt

    figure, picture = axes.get_figure(), io.BytesIO()
    figure.set_size_inches(9, 5)
    figure.savefig(picture, format="png", dpi=100, bbox_inches="tight")
    plt.close(figure)
    return base64.b64encode(picture.getvalue()).decode()
