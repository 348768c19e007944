"""A likelihood with its priors as a model of NumPyro, for samplers and guides other than those of `sample`."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cevnsjax.likelihood import Given, JointNuisance, likelihood_of
from cevnsjax.parameters import Parameter
from cevnsjax.sampling.priors import Prior
from cevnsjax.sampling.request import density_of, request_of

__all__ = ["numpyro_model"]


def numpyro_model(
    likelihood: Given,
    free: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    priors: Mapping[str, Prior] | None = None,
) -> Callable[[], None]:
    """Return a model for NumPyro, a function without arguments: `numpyro.infer.NUTS` takes it.

    Its sites are the parameters that `sample` draws, under the same priors. A constrained nuisance has its constraint
    as prior, cut at its limits; one that nothing constrains is flat within its bounds. The data's log likelihood is
    the factor `log_likelihood`, in which a factor on a Gaussian signal that is not drawn is integrated in closed form.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        free: names of the parameters; by default the model's own choice less those in `values`.
        values: parameters that are fixed, by name.
        priors: priors by name, as in `sample`.

    Raises:
        InputError: as `sample`.

    Examples:
        >>> from numpyro.infer import MCMC, NUTS
        >>> chains = MCMC(NUTS(cevnsjax.numpyro_model("conus_plus")), num_warmup=500, num_samples=1000)

        Then `chains.run(jax.random.key(0))` draws.
    """
    likelihood = likelihood_of(likelihood)
    request = request_of(likelihood, free, values, priors)
    chosen = dict(request.priors)
    density_of(likelihood, request.parameters, request.values, chosen)  # fills in the default priors
    nuisances = {n.name: n for n in likelihood.nuisances if n.searched}
    densities = {p.name: _distribution(p, chosen.get(p.name), nuisances.get(p.name)) for p in request.parameters}
    own = [n for name in request.names if (n := nuisances.get(name)) is not None and n.sigma is not None]
    constant = likelihood.log_constant

    def model() -> None:
        import numpyro

        drawn = {name: numpyro.sample(name, density) for name, density in densities.items()}
        # Chi-squared has the constraints that are priors here.
        constraints = sum(((drawn[n.name] - n.centre) / n.step) ** 2 for n in own)
        chi2 = likelihood.chi2_integrated({**request.values, **drawn}) - constraints
        numpyro.factor("log_likelihood", constant - chi2 / 2)

    return model


def _distribution(parameter: Parameter, prior: Prior | None, nuisance: JointNuisance | None) -> Any:
    """Return the density of a site: a prior, a nuisance's constraint, or flat within the bounds."""
    import numpyro.distributions as dist

    if prior is None and nuisance is not None and nuisance.sigma is not None:
        prior = Prior("normal", (nuisance.centre, nuisance.sigma))
    if prior is not None:
        return prior.distribution(parameter)
    low, high = parameter.bounds
    if math.isfinite(low) and math.isfinite(high):
        return dist.Uniform(low, high)
    below, above = dist.constraints.greater_than(low), dist.constraints.less_than(high)
    support = below if math.isfinite(low) else above if math.isfinite(high) else dist.constraints.real
    return dist.ImproperUniform(support, (), ())
