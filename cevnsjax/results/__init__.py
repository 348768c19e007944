"""Results as they leave the package: plain dicts for JSON, xarray data sets for NetCDF, tables, and files."""

from cevnsjax.results.datasets import (
    bands_dataset,
    coverage_dataset,
    impacts_dataset,
    points_dataset,
    prediction_dataset,
    profile_dataset,
    projection_dataset,
    scan_dataset,
    toys_dataset,
    write_posterior,
)
from cevnsjax.results.dicts import (
    consistency_dict,
    coverage_dict,
    fit_dict,
    goodness_dict,
    impacts_dict,
    prediction_dict,
    profile_dict,
    projection_dict,
    sample_dict,
    scan_dict,
    significance_dict,
    toys_dict,
)
from cevnsjax.results.exports import check_export, export_files, write_export
from cevnsjax.results.files import (
    check_folder,
    check_target,
    replace_file,
    temporary_folder,
    write_json,
)
from cevnsjax.results.formats import check_figure, write_figure, write_netcdf
from cevnsjax.results.hepdata import write_hepdata
from cevnsjax.results.nuisances import nuisance_table

__all__ = [
    "bands_dataset",
    "check_export",
    "check_figure",
    "check_folder",
    "check_target",
    "consistency_dict",
    "coverage_dataset",
    "coverage_dict",
    "export_files",
    "fit_dict",
    "goodness_dict",
    "impacts_dataset",
    "impacts_dict",
    "nuisance_table",
    "points_dataset",
    "prediction_dataset",
    "prediction_dict",
    "profile_dataset",
    "profile_dict",
    "projection_dataset",
    "projection_dict",
    "replace_file",
    "sample_dict",
    "scan_dataset",
    "scan_dict",
    "significance_dict",
    "temporary_folder",
    "toys_dataset",
    "toys_dict",
    "write_export",
    "write_figure",
    "write_hepdata",
    "write_json",
    "write_netcdf",
    "write_posterior",
]
