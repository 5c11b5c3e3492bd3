"""``stream demo``: the whole pipeline on real help-desk traffic and a simulated tenant, with nothing but this environment."""
