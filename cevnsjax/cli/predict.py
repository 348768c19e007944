"""The command that predicts."""

import typer

from cevnsjax.cli.inputs import answered, fixed_values, likelihood_of
from cevnsjax.cli.options import Channel, Experiment, Json, Model, Set, SystematicsSet
from cevnsjax.cli.output import print_json, progress
from cevnsjax.results import prediction_dict

__all__ = ["predict"]


def predict(
    exp: Experiment,
    model: Model = "sm",
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    as_json: Json = False,
) -> None:
    """Predict the counts in each bin, beside the data.

    The table gives the ends of each bin in the unit of its axis, the expected and the observed counts with their error
    in the data's unit, and for experiments with template samples the background's share of what is expected. The last
    line sums what is expected, and gives the number of signal events in all detectors together. Parameters that `--set`
    does not fix have their defaults, and nuisances their centres.

    **Examples**

    - `cevnsjax predict conus_plus`
    - `cevnsjax predict conus_plus --model magnetic_moment --set mu_nu_e=5e-11 --channel eves`
    - `cevnsjax predict conus:C1R1 --json`
    """
    likelihood = likelihood_of([exp], model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    with progress("predicting"):
        content = prediction_dict(likelihood, values)
        _, provenance = answered(likelihood, "predict", {"values": values})
    if as_json:
        print_json(content, provenance, likelihood)
        return
    unit, first = content["bins"][0]["unit"], content["axes"][0]
    typer.echo(f"{content['experiment']}, model {content['model']}, channel {channel}; {unit}")
    axes = [axis["name"] for axis in content["axes"]]
    ends = "".join(f"{name + end:>14}" for name in axes for end in (" from", " to"))
    background, runs = "background" in content["bins"][0], "run" in content["bins"][0]
    typer.echo(
        f"{ends} {'expected':>12}" + (f" {'background':>12}" if background else "") + f" {'observed':>12} {'sigma':>10}"
        f"   [{first['unit']}]"
    )
    for row in content["bins"]:
        edges = row.get("axes", {axes[0]: [row["low"], row["high"]]}).values()
        places = "".join(f"{low:14g}{high:14g}" for low, high in edges)
        counts = [row["expected"], *([row["background"]] if background else []), row["observed"]]
        numbers = "".join(f" {value:12.5g}" for value in counts)
        typer.echo(f"{places}{numbers} {row['sigma']:10.4g}" + (f"   {row['run']}" if runs else ""))
    events = f"{content['events']:.5g} events in all detectors"
    typer.echo(f"total {content['total']:.6g} {unit}, summed over the bins; {events}")
