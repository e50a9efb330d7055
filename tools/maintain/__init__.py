"""For whoever develops it: pictures, releases, mutants, soak."""
