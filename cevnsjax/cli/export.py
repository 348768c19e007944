"""The command that exports likelihoods, and studies for HEPData."""

from pathlib import Path
from typing import Annotated

import typer

from cevnsjax.cli.app import command_line
from cevnsjax.cli.inputs import fixed_values, likelihood_of, names_of
from cevnsjax.cli.options import Channel, Free, Json, Model, Set, SystematicsSet
from cevnsjax.cli.output import print_json, progress
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.exporting import FORMATS
from cevnsjax.provenance import provenance_of
from cevnsjax.results import check_export, export_files, write_export, write_hepdata

__all__ = ["export"]

HEPDATA = "hepdata"


def export(
    exps: Annotated[
        list[str],
        typer.Argument(metavar="EXP...", help="Experiments; with --to hepdata, the output folder of `reproduce`."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="The file to write; with --to hepdata, a folder.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="json, hs3, pyhf or hepdata.")] = "json",
    model: Model = "sm",
    assignments: Set = None,
    free: Free = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    as_json: Json = False,
) -> None:
    """Write a likelihood that others can evaluate, or curves for HEPData.

    `json`: the likelihood as a polynomial in the couplings (`--free`) and the nuisances. A page of NumPy evaluates it:
    see docs/export.md. Masses, and couplings that are not free, have the values that `--set` gives, else their
    defaults. A held nuisance becomes a variable where `--free` names it.

    `hs3`: the same as an HS3 document (HEP Statistics Serialization Standard): expected counts as generic functions,
    a distribution for each cell and each constraint. What HS3 cannot express exactly ends with an error.

    `pyhf`: a HistFactory workspace of counts, for the strength of the signal, mu, at fixed parameters of the model.
    Nuisances keep their names, and numbers agree to the last digits with pyhf's own settings. A likelihood that has no
    exact form ends with an error that says which nuisance to fix. The provenance goes into NAME.provenance.json.

    `hepdata`: a submission to HEPData, in a new folder, of all curves (NetCDF) and tables in the folder that
    `cevnsjax reproduce` has written, or in any folder with results. Only `--out` goes with it.

    **Examples**

    - `cevnsjax export coherent_csi --out csi.json`
    - `cevnsjax export conus_plus --model vector_bl --set m_z=50 --systematics detailed --out bl.json`
    - `cevnsjax export coherent_csi --to hs3 --out csi_hs3.json`
    - `cevnsjax export coherent_csi --to pyhf --systematics rates --out csi_pyhf.json`
    - `cevnsjax export cevnsjax_results --to hepdata --out submission`
    """
    if to == HEPDATA:
        if assignments or free or (model, channel, systematics) != ("sm", "all", "default"):
            raise InputError("--to hepdata takes a folder and --out: what is in the folder is calculated already")
        _submit(exps, out, as_json)
        return
    if to not in FORMATS:
        raise unknown_name("format", to, (*FORMATS, HEPDATA))
    check_export(out, to)
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    request = {"values": values, "free": names_of(free)}
    if to == "pyhf" and free:
        raise InputError("--free is of the format json: a pyhf workspace has fixed couplings; give --set instead")
    with progress("exporting"):
        document = write_export(out, likelihood, to, command_line=command_line.get(None), **request)
    for note in likelihood.notes:
        typer.echo(f"note: {note}", err=True)
    files = [str(path) for path in export_files(out, to)]
    if as_json:
        content = {"format": to, "files": files, "experiments": list(likelihood.names)}
        print_json(content, provenance_of(likelihood, "export", command_line.get(None), to=to, **request), likelihood)
        return
    typer.echo(f"wrote {' and '.join(files)} ({_summary(document, to)})")


def _submit(exps: list[str], out: Path, as_json: bool) -> None:
    """Write a submission of one folder."""
    if len(exps) != 1:
        raise InputError(f"{len(exps)} folders given, {', '.join(exps)}; give one, the output folder of `reproduce`")
    with progress("reading"):
        tables = write_hepdata(Path(exps[0]), out, command_line.get(None))
    if as_json:
        origin = provenance_of(None, "export", command_line.get(None), to=HEPDATA)
        print_json({"format": HEPDATA, "folder": str(out), "tables": tables}, origin)
        return
    typer.echo(f"wrote {out / 'submission.yaml'} and {len(tables)} tables beside it")


def _summary(document: dict, to: str) -> str:
    if to == "pyhf":
        names = {m["name"] for c in document["channels"] for s in c["samples"] for m in s["modifiers"]}
        return f"channels: {len(document['channels'])}, parameters: {len(names)}"
    if to == "hs3":
        return f"functions: {len(document['functions'])}, distributions: {len(document['distributions'])}"
    couplings = ", ".join(c["name"] for c in document["couplings"]) or "none"
    return f"couplings: {couplings}; nuisances: {len(document['nuisances'])}; terms: {len(document['experiments'])}"
