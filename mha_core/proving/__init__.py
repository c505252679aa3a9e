"""What stands behind `mha_core.proofs`: parts of a run, reruns, claims and comparisons."""
