"""The command that tests whether experiments agree with each other."""

import typer

from cevnsjax.cli.inputs import answered, fixed_values, free_names, likelihood_of
from cevnsjax.cli.options import Channel, Experiments, Free, Json, Model, Set, SystematicsSet
from cevnsjax.cli.output import assigned, print_json, progress, warn
from cevnsjax.results import consistency_dict

__all__ = ["consistency"]


def consistency(
    exps: Experiments,
    model: Model = "sm",
    free: Free = None,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    as_json: Json = False,
) -> None:
    """Test whether experiments agree with each other.

    The parameter goodness of fit: the least chi-squared of the joint fit, less the sum of those of the experiments by
    themselves. Its degrees of freedom are the parameters that each experiment feels, added, less those of the joint
    fit. It does not ask whether each experiment is described well, which `goodness-of-fit` does. The constraint of a
    shared nuisance counts once in the joint fit, and once in each experiment's own.

    **Examples**

    - `cevnsjax consistency conus_plus coherent_csi coherent_lar --free sin2_theta_w`
    - `cevnsjax consistency conus_plus dresden2 --model nsi_vector --free eps_ee_uv`
    """
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    request = {"free": free_names(likelihood, free, values), "values": values}
    with progress("fitting") as advance:
        result, provenance = answered(likelihood, "consistency", request, advance=advance)
    for message in result.messages:
        warn(message)
    if as_json:
        print_json(consistency_dict(result), provenance, likelihood)
        return
    for row in result.parts:
        number = row["parameters"]
        felt = f"{number} parameter{'' if number == 1 else 's'}"
        typer.echo(f"{row['experiment']}: chi2_min = {row['chi2_min']:.6g}, {felt}, {assigned(row['best_fit'])}")
    typer.echo(f"joint: chi2_min = {result.chi2_joint:.6g}, {assigned(result.best_fit)}")
    degrees = f"{result.dof} degree{'' if result.dof == 1 else 's'} of freedom"
    typer.echo(f"chi2 = {result.chi2:.5g} with {degrees}, p-value {result.p_value:.3g}")
