"""Which files of tests belong to a room: `pytest --room matter`. Tests of the whole package belong to none."""

ROOMS = {
    "ground": "nuclei atoms terms checkpoint display derivatives memory programs recent shapes",
    "matter": "nuclei atoms form_factors",
    "interactions": "interactions electromagnetic generalised mediators nsi sterile custom_models",
    "sources": "flux pion_at_rest pion_files solar reactor_spectrum",
    "response": "response recent smearing yields tabulated_yields",
    "rates": "rates counting",
    "experiments": "experiment_files experiment_parts experiment_tables experiment_docs altered_files new_experiment "
    "loading samples combinations check",
    "likelihood": "likelihood expansion terms newton slopes given derivatives golden",
    "inference": "fit intervals least scan valley contours impacts consistency projection nuisances priors",
    "sampling": "posterior inference_data numpyro_model calibration priors",
    "toys": "toys toy_data coverage significance goodness",
    "exporting": "export export_pyhf export_hs3",
    "provenance": "provenance cite data_versions",
    "results": "hepdata overlays display checkpoint",
    "figures": "fit_figures overlays",
    "reproduce": "reproduce running studies processes weak_mixing_angle systematics",
    "spreading": "spreading processes",
    "cli": "cli cli_surroundings",
    "docs": "docs recipes experiment_docs architecture habits",
}
ROOMS = {room: names.split() for room, names in ROOMS.items()}
