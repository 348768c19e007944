"""The command that draws from a posterior."""

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cevnsjax.cli.inputs import answered, check_targets, fixed_values, free_names, likelihood_of
from cevnsjax.cli.options import Channel, Experiments, Free, Json, Model, Seed, Set, SystematicsSet
from cevnsjax.cli.output import print_json, progress, unit_of, warn
from cevnsjax.errors import InputError
from cevnsjax.results import check_folder, sample_dict, write_figure, write_posterior
from cevnsjax.sampling import Prior, parse_prior

if TYPE_CHECKING:
    from cevnsjax.likelihood import Likelihood

__all__ = ["sample"]


def sample(
    exps: Experiments,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.nc", help="Write the draws as ArviZ's NetCDF.")],
    model: Model = "sm",
    free: Free = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            "--prior",
            metavar="NAME=KIND:NUMBERS",
            help="A prior, flat:LO:HI, log_uniform:LO:HI, normal:MEAN:SD or half_normal:SD; may stand several times.",
        ),
    ] = None,
    chains: Annotated[int, typer.Option("--chains", metavar="N", help="Chains, run at once.")] = 4,
    samples: Annotated[int, typer.Option("--samples", metavar="N", help="Draws of each chain.")] = 1000,
    warmup: Annotated[int, typer.Option("--warmup", metavar="N", help="Draws before these, to adapt.")] = 1000,
    seed: Seed = 0,
    sampler: Annotated[
        str, typer.Option("--sampler", metavar="S", help="nuts, or nested for posteriors of several modes.")
    ] = "nuts",
    figures: Annotated[
        Path | None,
        typer.Option("--figures", metavar="DIR", help="Draw corner, trace and predictive plots into this folder."),
    ] = None,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    as_json: Json = False,
) -> None:
    """Draw from the posterior of the free parameters.

    By default a prior is flat: between a parameter's bounds, or thirty times as wide as what the data call a step. A
    normalisation that is not free is integrated over its constraint; other nuisances are drawn. What the diagnostics
    find wrong, chains that disagree or divergences, stands on standard error. The same seed gives the same draws.

    **Examples**

    - `cevnsjax sample conus_plus --out angle.nc --figures plots`
    - `cevnsjax sample conus_plus --model vector_bl --set m_z=10 --prior g_bl=log_uniform:1e-8:1e-3 --out bl.nc`
    """
    check_targets(out=out)
    if figures is not None:
        check_folder(figures)
    priors = _priors(prior or ())
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    request = {
        "free": free_names(likelihood, free, values), "values": values, "priors": priors, "chains": chains,
        "samples": samples, "warmup": warmup, "seed": seed, "sampler": sampler,
    }  # fmt: skip
    logging.getLogger("arviz").setLevel(logging.ERROR)  # it says of one chain what the summary says, too
    with progress("sampling"):
        drawn, provenance = answered(likelihood, "sample", request)
    write_posterior(out, drawn, likelihood, provenance)
    if figures is not None:
        _draw(figures, drawn, likelihood, provenance)
    for warning in drawn.warnings:
        warn(warning)
    if as_json:
        print_json(sample_dict(drawn), provenance, likelihood)
        return
    for name, row in drawn.summary.items():
        unit = unit_of(likelihood, name)
        interval = f"90 % [{row['low_90']:.5g}, {row['high_90']:.5g}]{unit}"
        typer.echo(f"{name} = {row['mean']:.5g} +- {row['sd']:.3g}{unit}, {interval}{_diagnostics(row)}")


def _diagnostics(row: dict[str, float]) -> str:
    """Return what the chains say of a parameter; a single chain has no R-hat, and nested sampling has none of both."""
    return "".join(
        f", {form.format(row[key])}"
        for key, form in (("rhat", "R-hat {:.3f}"), ("ess", "{:.0f} effective samples"))
        if math.isfinite(row.get(key, math.nan))
    )


def _priors(texts: Any) -> dict[str, Prior]:
    priors: dict[str, Prior] = {}
    for name, prior in map(parse_prior, texts):
        if name in priors:
            raise InputError(f"--prior {name} given twice, {priors[name]} and {prior}; give it once")
        priors[name] = prior
    return priors


def _draw(folder: Path, drawn: Any, likelihood: "Likelihood", provenance: dict[str, Any]) -> None:
    from cevnsjax.figures import corner_figure, predictive_figure, trace_figure

    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder '{folder}': {error.strerror}") from error
    for name, figure in (("corner", corner_figure), ("trace", trace_figure), ("predictive", predictive_figure)):
        write_figure(folder / f"{name}.pdf", figure(drawn, likelihood), likelihood.notes, provenance)
